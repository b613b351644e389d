//! Puts the house together, opens its door, and closes it again.

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

/// How often expired sessions and tokens are removed.
const PURGE_INTERVAL: Duration = Duration::from_secs(3_600);

/// A server that is ready: its tables are there and its port is bound.
pub struct App {
    router: Router,
    door: HttpServer,
    listener: TcpListener,
    services: Arc<Services>,
    shutdown_timeout: Duration,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// What tests pass in.
#[derive(Clone, Default)]
pub struct Overrides {
    /// Tells the time.
    pub clock: Clock,
    /// Told of every statement.
    pub observer: Option<StatementObserver>,
    /// Served in the place of the contract's.
    pub schema: Option<DynSchema>,
}

impl App {
    /// Connects to the database, brings its tables up to date and binds the port.
    ///
    /// # Errors
    /// If any of that fails.
    pub async fn build(config: Config, surroundings: Overrides) -> anyhow::Result<Self> {
        let Overrides { clock, observer, schema } = surroundings;
        let store = Store::connect(&config.database, config.database_pool_size, observer)
            .await
            .with_context(|| format!("cannot open the database {}", config.database))?;
        store.migrate().await.context("cannot bring the tables up to date")?;

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
        let door =
            HttpServer::new(router.clone(), &proxies, &limits, stopping.clone(), tasks.clone());
        Ok(Self { router, door, listener, services, shutdown_timeout, stopping, tasks })
    }

    /// The routes, for whoever calls them without a socket.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Where the server listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is done, then finishes what has begun.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self { router: _, door, listener, services, shutdown_timeout, stopping, tasks } = self;
        let purge = tokio::spawn(purge(services));
        tokio::select! {
            () = door.serve(listener) => {}
            () = stop => {}
        }
        tracing::info!("stopping");
        stopping.cancel();
        tasks.close();
        if timeout(shutdown_timeout, tasks.wait()).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        purge.abort();
        tracing::info!("stopped");
    }
}

/// Removes what has expired, now and from then on.
async fn purge(services: Arc<Services>) {
    let mut ticks = interval(PURGE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = services.store.purge(services.clock.now()).await {
            tracing::warn!(%error, "what has expired stays for now");
        }
    }
}
