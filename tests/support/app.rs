use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use bookshelf::app::{App, Overrides};
use bookshelf::clock::{Clock, Timestamp};
use bookshelf::config::{Config, JwtSecrets, Limits};
use bookshelf::graphql::DynSchema;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::skip::variable;
use super::{Actor, TestDatabase};

/// The secret that signs access tokens.
pub const JWT_SECRET: &str = "a secret that is long enough for HS256";

/// A server in this process with a manual clock and its own database.
pub struct TestApp {
    pub router: Router,
    pub clock: Clock,
    pub database: Arc<TestDatabase>,
    statements: Arc<Mutex<Vec<String>>>,
    /// `None` once the server listens.
    app: Mutex<Option<App>>,
}

/// A listening server. It serves until `stop` is called or the test ends.
pub struct Listening {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Listening {
    /// Starts a graceful shutdown, as SIGTERM does.
    pub fn stop(&mut self) {
        self.stop.take().expect("a server that is not stopped yet").send(()).expect("a server");
    }

    /// Waits until the server has stopped.
    pub async fn stopped(self) {
        self.served.await.expect("a clean shutdown");
    }
}

/// A clock that stands at 2026-03-27T09:15:00Z until a test advances it.
fn manual_clock() -> Clock {
    Clock::manual(Timestamp::from_millis(1_774_602_900_000))
}

impl TestApp {
    pub async fn start() -> Self {
        Self::with_config(|_| {}).await
    }

    /// A server on PostgreSQL. Returns `None` after reporting a skipped test if PostgreSQL is not installed.
    pub async fn start_on_postgres() -> Option<Self> {
        let database = Arc::new(TestDatabase::postgres().await?);
        Some(Self::on(database, manual_clock(), None, |_| {}).await)
    }

    /// A server on a PostgreSQL whose table of books has eight partitions. Returns `None` after reporting a
    /// skipped test if PostgreSQL is not installed.
    pub async fn start_on_partitions() -> Option<Self> {
        let database = Arc::new(TestDatabase::postgres().await?);
        database.partition().await;
        Some(Self::on(database, manual_clock(), None, |_| {}).await)
    }

    /// A server on a PostgreSQL database that sorts by ICU's rules. Returns `None` after reporting a skipped test
    /// if PostgreSQL is not installed.
    pub async fn start_on_postgres_with_icu() -> Option<Self> {
        let database = Arc::new(TestDatabase::postgres_with_icu().await?);
        Some(Self::on(database, manual_clock(), None, |_| {}).await)
    }

    /// A server with a changed configuration.
    pub async fn with_config(configure: impl FnOnce(&mut Config)) -> Self {
        Self::serving(None, configure).await
    }

    /// A server with a schema defined by the test.
    pub async fn with_schema(schema: DynSchema) -> Self {
        Self::serving(Some(schema), |_| {}).await
    }

    /// A server with a changed configuration and an optional schema defined by the test.
    pub async fn serving(schema: Option<DynSchema>, configure: impl FnOnce(&mut Config)) -> Self {
        let database = Arc::new(TestDatabase::create().await);
        if database.is_postgres() && variable("TEST_PARTITIONED").is_some() {
            database.partition().await;
        }
        Self::on(database, manual_clock(), schema, configure).await
    }

    /// A second instance with the same database and clock.
    pub async fn second_instance(&self) -> Self {
        self.second_instance_with(|_| {}).await
    }

    /// A second instance with a changed configuration.
    pub async fn second_instance_with(&self, configure: impl FnOnce(&mut Config)) -> Self {
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
            covers_url: database.covers_url(),
            jwt_secrets: JwtSecrets::Configured(vec![JWT_SECRET.into()]),
            bcrypt_cost: 10,
            rate_limits: false,
            log_filter: "off".to_owned(),
            // Other tests may slow the machine down.
            limits: Limits { operation_timeout: Duration::from_secs(60), ..Limits::default() },
            ..Config::default()
        };
        configure(&mut config);
        let statements = Arc::new(Mutex::new(Vec::new()));
        let observed = Arc::clone(&statements);
        let overrides = Overrides {
            clock: clock.clone(),
            observer: Some(Arc::new(move |sql: &str| {
                observed.lock().unwrap().push(sql.to_owned());
            })),
            schema,
            ..Overrides::default()
        };
        let app = App::build(config, overrides).await.expect("a server");
        let router = app.router();
        Self { router, clock, database, statements, app: Mutex::new(Some(app)) }
    }

    /// Listens on a port, for tests that need a socket.
    pub fn listen(&self) -> Listening {
        let app = self.app.lock().unwrap().take().expect("a server that does not listen yet");
        let address = app.address().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            // If the sender is dropped without a message, the server runs until the test ends.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let served = tokio::spawn(async { app.serve(stopped).await });
        Listening { address, stop: Some(stop), served }
    }

    /// An anonymous client.
    pub fn anon(&self) -> Actor {
        Actor::in_process(self.router.clone())
    }

    pub async fn alice(&self) -> Actor {
        self.anon().registered("alice").await
    }

    pub async fn bob(&self) -> Actor {
        self.anon().registered("bob").await
    }

    /// Takes the SQL statements executed since the last call.
    pub fn take_statements(&self) -> Vec<String> {
        std::mem::take(&mut *self.statements.lock().unwrap())
    }

    pub fn advance_secs(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    #[must_use]
    pub async fn db_count(&self, table: &str) -> i64 {
        self.database.number(&format!("SELECT count(*) FROM {table}")).await
    }
}
