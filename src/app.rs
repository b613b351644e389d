//! Builds the application, serves it and shuts it down.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Auth;
use crate::clock::Clock;
use crate::config::Config;
use crate::graphql::document::Documents;
use crate::graphql::execute::GraphqlService;
use crate::graphql::rate_limit::RateLimits;
use crate::graphql::{self, DynSchema, Services};
use crate::http::{self, AppState, HttpServer};
use crate::id::IdGenerator;
use crate::store::{StatementObserver, Store};

/// How often expired rows, such as sessions and tokens, are removed.
const PURGE_INTERVAL: Duration = Duration::from_secs(3_600);

/// A server that is ready to serve: its tables are up to date and its port is bound.
pub struct App {
    router: Router,
    http_server: HttpServer,
    listener: TcpListener,
    services: Arc<Services>,
    shutdown_timeout: Duration,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// Replacements of parts of the application, for tests.
#[derive(Clone, Default)]
pub struct Overrides {
    /// The source of the time.
    pub clock: Clock,
    /// Called for every SQL statement.
    pub observer: Option<StatementObserver>,
    /// Served instead of the schema of the product.
    pub schema: Option<DynSchema>,
}

impl App {
    /// Connects to the database, applies pending migrations and binds the port.
    ///
    /// # Errors
    /// If any of these steps fails.
    pub async fn build(config: Config, overrides: Overrides) -> anyhow::Result<Self> {
        let Overrides { clock, observer, schema } = overrides;
        let store = Store::connect(&config.database, config.database_pool_size, observer)
            .await
            .with_context(|| format!("cannot open the database {}", config.database))?;
        store.migrate().await.context("cannot migrate the database")?;

        let ids = Arc::new(IdGenerator::new(clock.clone()));
        let auth = Auth::new(&config, store.clone(), clock.clone(), Arc::clone(&ids))?;
        let rates = match config.rate_limits {
            true => RateLimits::new(&config.limits, &clock),
            false => RateLimits::off(),
        };
        let services = Arc::new(Services { store, auth, clock, ids, rates });
        let schema = schema.unwrap_or_else(graphql::schema);
        let trusted = config.trusted_documents.as_deref();
        let documents =
            Documents::new(schema.sdl(), config.introspection, trusted, &config.limits)?;
        let services_of_api = Arc::clone(&services);
        let api = Arc::new(GraphqlService::new(
            schema,
            documents,
            services_of_api,
            config.limits.clone(),
        ));

        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.listen))?;
        let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (proxies, limits) = (config.trusted_proxies.clone(), config.limits.clone());
        let shutdown_timeout = limits.shutdown_timeout;
        let services_of_server = Arc::clone(&services);
        let server =
            AppState::new(services_of_server, api, config, stopping.clone(), tasks.clone());
        let router = http::router(server);
        let http_server =
            HttpServer::new(router.clone(), &proxies, &limits, stopping.clone(), tasks.clone());
        Ok(Self { router, http_server, listener, services, shutdown_timeout, stopping, tasks })
    }

    /// The routes, for calling them without a socket.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The address that the server listens on.
    ///
    /// # Errors
    /// If the system cannot report the address.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` completes, then waits for open requests, up to the shutdown timeout.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self { router: _, http_server, listener, services, shutdown_timeout, stopping, tasks } =
            self;
        let purge = tokio::spawn(purge(services));
        tokio::select! {
            () = http_server.serve(listener) => {}
            () = stop => {}
        }
        tracing::info!("stopping");
        stopping.cancel();
        tasks.close();
        if timeout(shutdown_timeout, tasks.wait()).await.is_err() {
            tracing::warn!("some requests did not complete within the shutdown timeout");
        }
        purge.abort();
        tracing::info!("stopped");
    }
}

/// Removes expired rows, now and at every `PURGE_INTERVAL`.
async fn purge(services: Arc<Services>) {
    let mut ticks = interval(PURGE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = services.store.purge(services.clock.now()).await {
            tracing::warn!(%error, "purging expired rows failed, will retry");
        }
    }
}
