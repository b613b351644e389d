use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use bookshelf::app::{App, Overrides};
use bookshelf::clock::{Clock, Timestamp};
use bookshelf::config::{Config, JwtSecrets, Limits, LogFormat};
use bookshelf::graphql::DynSchema;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Actor, TestDatabase};

/// What access tokens are signed with.
pub const JWT_SECRET: &str = "a secret that is long enough for HS256";

/// A server in this process, with a clock that stands still and a database of its own.
pub struct TestApp {
    pub router: Router,
    pub clock: Clock,
    pub database: Arc<TestDatabase>,
    statements: Arc<Mutex<Vec<String>>>,
    /// Until somebody wants it to listen.
    app: Mutex<Option<App>>,
}

/// A server that listens, until this is dropped or told to stop.
pub struct Listening {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Listening {
    /// Asks the server to stop, as SIGTERM does.
    pub fn stop(&mut self) {
        self.stop.take().expect("a server that was not told yet").send(()).expect("a server");
    }

    /// Waits until the server has stopped.
    pub async fn stopped(self) {
        self.served.await.expect("an end in peace");
    }
}

impl TestApp {
    pub async fn start() -> Self {
        Self::with_config(|_| {}).await
    }

    /// A server with another configuration.
    pub async fn with_config(configure: impl FnOnce(&mut Config)) -> Self {
        Self::serving(None, configure).await
    }

    /// A server with a schema of the test's own.
    pub async fn with_schema(schema: DynSchema) -> Self {
        Self::serving(Some(schema), |_| {}).await
    }

    /// A server with another configuration and perhaps with a schema of the test's own.
    pub async fn serving(schema: Option<DynSchema>, configure: impl FnOnce(&mut Config)) -> Self {
        let clock = Clock::manual(Timestamp::from_millis(1_774_602_900_000));
        let database = Arc::new(TestDatabase::create().await);
        Self::on(database, clock, schema, configure).await
    }

    /// Another copy of the server, on the same database and by the same clock.
    pub async fn second_instance(&self) -> Self {
        self.copy_with(|_| {}).await
    }

    /// Another copy of the server with another configuration.
    pub async fn copy_with(&self, configure: impl FnOnce(&mut Config)) -> Self {
        Self::on(Arc::clone(&self.database), self.clock.clone(), None, configure).await
    }

    async fn on(
        database: Arc<TestDatabase>,
        clock: Clock,
        schema: Option<DynSchema>,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            database: database.config(),
            database_pool_size: None,
            jwt_secrets: JwtSecrets::Configured(vec![JWT_SECRET.into()]),
            access_token_ttl: Duration::from_secs(900),
            refresh_token_ttl: Duration::from_secs(30 * 86_400),
            bcrypt_cost: 10,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            rate_limits: false,
            graphiql: true,
            introspection: true,
            trusted_documents: None,
            strict_status: false,
            log_format: LogFormat::Json,
            log_filter: "off".to_owned(),
            // The machine may be busy with other tests.
            limits: Limits { operation_timeout: Duration::from_secs(60), ..Limits::default() },
        };
        configure(&mut config);
        let statements = Arc::new(Mutex::new(Vec::new()));
        let observed = Arc::clone(&statements);
        let surroundings = Overrides {
            clock: clock.clone(),
            observer: Some(Arc::new(move |sql: &str| {
                observed.lock().unwrap().push(sql.to_owned());
            })),
            schema,
        };
        let app = App::build(config, surroundings).await.expect("a server");
        let router = app.router();
        Self { router, clock, database, statements, app: Mutex::new(Some(app)) }
    }

    /// Opens its port, for what needs a socket.
    pub fn listen(&self) -> Listening {
        let app = self.app.lock().unwrap().take().expect("a server that does not listen yet");
        let address = app.address().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            // Dropped without a word it goes on until the test ends.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let served = tokio::spawn(async { app.serve(stopped).await });
        Listening { address, stop: Some(stop), served }
    }

    /// Nobody in particular.
    pub fn anon(&self) -> Actor {
        Actor::new(self.router.clone())
    }

    pub async fn alice(&self) -> Actor {
        self.anon().registered("alice").await
    }

    pub async fn bob(&self) -> Actor {
        self.anon().registered("bob").await
    }

    /// The statements since the last time this was called.
    pub fn take_statements(&self) -> Vec<String> {
        std::mem::take(&mut *self.statements.lock().unwrap())
    }

    pub fn advance_secs(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub async fn db_count(&self, table: &str) -> i64 {
        self.database.number(&format!("SELECT count(*) FROM {table}")).await
    }
}
