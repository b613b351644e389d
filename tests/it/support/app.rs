use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use bookshelf::app::{App, Surroundings};
use bookshelf::clock::{Clock, Timestamp};
use bookshelf::config::{Config, JwtSecrets, Limits, LogFormat};

use super::{Actor, TestDatabase};

/// What access tokens are signed with.
pub const JWT_SECRET: &str = "a secret that is long enough for HS256";

/// A server in this process, with a clock that stands still and a database of its own.
pub struct TestApp {
    pub router: Router,
    pub clock: Clock,
    pub database: Arc<TestDatabase>,
    statements: Arc<Mutex<Vec<String>>>,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A server with another configuration.
    pub async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let clock = Clock::manual(Timestamp::from_millis(1_774_602_900_000));
        Self::on(Arc::new(TestDatabase::create().await), clock, configure).await
    }

    /// Another copy of the server, on the same database and by the same clock.
    pub async fn copy(&self) -> Self {
        self.copy_with(|_| {}).await
    }

    /// Another copy of the server with another configuration.
    pub async fn copy_with(&self, configure: impl FnOnce(&mut Config)) -> Self {
        Self::on(Arc::clone(&self.database), self.clock.clone(), configure).await
    }

    async fn on(
        database: Arc<TestDatabase>,
        clock: Clock,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            database: database.config(),
            database_pool: None,
            jwt_secrets: JwtSecrets::Given(vec![JWT_SECRET.into()]),
            access_token_ttl: Duration::from_secs(900),
            refresh_token_ttl: Duration::from_secs(30 * 86_400),
            bcrypt_cost: 10,
            cors_origins: Vec::new(),
            graphiql: true,
            introspection: true,
            log_format: LogFormat::Json,
            log_filter: "off".to_owned(),
            // The machine may be busy with other tests.
            limits: Limits { operation_timeout: Duration::from_secs(60), ..Limits::default() },
        };
        configure(&mut config);
        let statements = Arc::new(Mutex::new(Vec::new()));
        let observed = Arc::clone(&statements);
        let surroundings = Surroundings {
            clock: clock.clone(),
            observer: Some(Arc::new(move |sql: &str| {
                observed.lock().unwrap().push(sql.to_owned());
            })),
        };
        let app = App::build(config, surroundings).await.expect("a server");
        Self { router: app.router(), clock, database, statements }
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

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub async fn db_count(&self, table: &str) -> i64 {
        self.database.number(&format!("SELECT count(*) FROM {table}")).await
    }
}
