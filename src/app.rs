//! Builds the application, serves it and shuts it down.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use migration::Migrator;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::auth::Auth;
use crate::clock::Clock;
use crate::config::Config;
use crate::covers::Covers;
use crate::graphql::document::Documents;
use crate::graphql::execute::GraphqlService;
use crate::graphql::rate_limit::RateLimits;
use crate::graphql::{self, DynSchema, Services};
use crate::http::{self, AppState, HttpServer, Shutdown};
use crate::id::IdGenerator;
use crate::imports::Imports;
use crate::store::{StatementObserver, Store};

mod cover_removal;
mod listener;

/// How often expired rows, such as sessions and tokens, are removed.
const PURGE_INTERVAL: Duration = Duration::from_secs(3_600);

/// Delay before a failed purge is repeated for the first time. It doubles each time, up to [`PURGE_INTERVAL`].
const PURGE_RETRY_DELAY: Duration = Duration::from_secs(60);

/// A server that is ready to serve: its tables are up to date and its port is bound.
pub struct App {
    http_server: HttpServer,
    listener: TcpListener,
    services: Arc<Services>,
    config: Arc<Config>,
    shutdown: Shutdown,
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
    /// The migrations of another version.
    pub migrator: Migrator,
}

impl App {
    /// Connects to the database, applies pending migrations and binds the port.
    ///
    /// # Errors
    /// If any of these steps fails.
    pub async fn build(config: Config, overrides: Overrides) -> anyhow::Result<Self> {
        let Overrides { clock, observer, schema, migrator } = overrides;
        let store = Store::open_for_server(&config, observer, migrator).await?;
        let newer = store.migrate().await.context("cannot migrate the database")?;
        if !newer.is_empty() {
            tracing::warn!(
                migrations = newer.join(", "),
                "the database has migrations of a newer version of Bookshelf, with which this version works"
            );
        }

        let config = Arc::new(config);
        let ids = Arc::new(IdGenerator::new(clock.clone()));
        let auth = Auth::new(&config, store.clone(), clock.clone(), Arc::clone(&ids))?;
        let covers = Covers::open(&config).await?;
        let rates = RateLimits::new(&config, &clock);
        let at_once = config.limits.concurrent_imports;
        let imports = Imports::new(store.clone(), clock.clone(), Arc::clone(&ids), at_once);
        let services = Arc::new(Services { store, auth, covers, imports, clock, ids, rates });
        let api = Arc::new(graphql_service(schema, &services, &config)?);

        let listener = listener::bind(&config.listen).await?;
        let shutdown = Shutdown::default();
        let state =
            AppState::new(Arc::clone(&services), api, Arc::clone(&config), shutdown.clone());
        let http_server = HttpServer::new(http::router(state), &config, shutdown.clone());
        Ok(Self { http_server, listener, services, config, shutdown })
    }

    /// The routes, for calling them without a socket.
    pub fn router(&self) -> Router {
        self.http_server.router()
    }

    /// The address that the server listens on.
    ///
    /// # Errors
    /// If the system cannot report the address.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` completes, and then for the lame duck period, in which readiness fails. Then waits for open
    /// requests, up to the shutdown timeout, and closes the database.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let mut tasks = JoinSet::new();
        tasks.spawn(purge(Arc::clone(&self.services)));
        tasks.spawn(cover_removal::remove_queued(Arc::clone(&self.services)));
        tasks.spawn(cover_removal::sweep(Arc::clone(&self.services)));
        let imports = self.services.imports.clone();
        tasks.spawn(async move { imports.watch_abandoned().await });
        let lame_duck = async {
            stop.await;
            tracing::info!("stopping");
            self.shutdown.announce();
            sleep(self.config.limits.lame_duck).await;
        };
        tokio::select! {
            () = self.http_server.serve(self.listener) => {}
            () = lame_duck => {}
        }
        self.shutdown.begin();
        self.services.imports.stop().await;
        if !self.shutdown.wait(self.config.limits.shutdown_timeout).await {
            tracing::warn!("some requests did not complete within the shutdown timeout");
        }
        tasks.shutdown().await;
        self.services.store.close().await;
        self.config.database.remove_temporary_files();
        tracing::info!("stopped");
    }
}

/// Builds the service that executes operations, with its schema and documents.
fn graphql_service(
    schema: Option<DynSchema>,
    services: &Arc<Services>,
    config: &Arc<Config>,
) -> anyhow::Result<GraphqlService> {
    let schema = schema.unwrap_or_else(graphql::schema);
    let trusted = config.trusted_documents.as_deref();
    let documents = Documents::new(schema.sdl(), config.introspection, trusted, &config.limits)?;
    Ok(GraphqlService::new(schema, documents, Arc::clone(services), Arc::clone(config)))
}

/// Removes expired rows, now and at every `PURGE_INTERVAL`.
async fn purge(services: Arc<Services>) {
    let mut retry_delay = PURGE_RETRY_DELAY;
    loop {
        match services.store.purge(services.clock.now()).await {
            Ok(()) => {
                retry_delay = PURGE_RETRY_DELAY;
                sleep(PURGE_INTERVAL).await;
            }
            Err(error) => {
                services.store.report_failure(&error, "purging expired rows failed, will retry");
                sleep(retry_delay).await;
                retry_delay = PURGE_INTERVAL.min(retry_delay * 2);
            }
        }
    }
}
