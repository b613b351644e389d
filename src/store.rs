//! All database queries. This is the only module that accesses the database.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use migration::Migrator;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::clock::Timestamp;
use crate::config::{Config, Database};
use crate::id::SessionId;

pub(crate) mod books;
mod connector;
mod cover_removal;
pub(crate) mod covers;
mod db;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod exports;
pub(crate) mod failed_logins;
pub(crate) mod imports;
mod last_outage;
pub(crate) mod library_size;
pub(crate) mod migrations;
pub(crate) mod page;
pub(crate) mod quota;
mod refresh_tokens;
pub(crate) mod scans;
mod server_lock;
pub(crate) mod sessions;
mod startup;
mod tunnel;
pub(crate) mod users;

use db::Db;
pub use db::StatementObserver;
use db::write_lock::WriteGuard;
pub(crate) use error::StoreError;
use error::error_chain;
use events::{Event, EventBus};
use last_outage::LastOutage;
use quota::Quota;
use scans::Scans;
use server_lock::{FileLock, Role};

/// How many rows one statement purges, so that other writers do not wait for long.
const PURGE_BATCH_SIZE: u64 = 1_000;

/// How long the shutdown waits for statements that still run.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The database and its events.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    db: Db,
    outage: Arc<LastOutage>,
    events: EventBus,
    scans: Scans,
    quota: Quota,
    migrator: Migrator,
    /// Wakes the task that removes the files of covers.
    cover_removal: Arc<Notify>,
    /// The lock of the servers on SQLite. On PostgreSQL, the connection of the events has it.
    file_lock: Option<Arc<FileLock>>,
}

impl Store {
    /// Connects to the database for a command. Creates the SQLite file and its folder if they do not exist. The error
    /// says in plain words why the database cannot be used, and what to do.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        Self::open_as(Role::Command, config, None, Migrator::default()).await
    }

    /// Like [`Self::open`], for a server: while it runs, `migrate down` is rejected.
    pub(crate) async fn open_for_server(
        config: &Config,
        observer: Option<StatementObserver>,
        migrator: Migrator,
    ) -> anyhow::Result<Self> {
        Self::open_as(Role::Server, config, observer, migrator).await
    }

    async fn open_as(
        role: Role,
        config: &Config,
        observer: Option<StatementObserver>,
        migrator: Migrator,
    ) -> anyhow::Result<Self> {
        let database = &config.database;
        let store = Self::connect(role, config, observer, migrator).await;
        let store = store.map_err(|error| {
            anyhow!("cannot open the database {database}: {}", startup::explain_open_error(&error))
        })?;
        startup::check_version(&store.migration_state().await?)?;
        Ok(store)
    }

    async fn connect(
        role: Role,
        config: &Config,
        observer: Option<StatementObserver>,
        migrator: Migrator,
    ) -> anyhow::Result<Self> {
        let outage = Arc::new(LastOutage::default());
        let Config { database, database_pool_size, .. } = config;
        let db = Db::connect(database, *database_pool_size, observer, Arc::clone(&outage)).await?;
        let file_lock = match database {
            Database::Sqlite(path) | Database::Temporary { path, .. } => {
                Some(Arc::new(FileLock::new(path)?))
            }
            Database::Postgres(_) => None,
        };
        if let Some(lock) = file_lock.clone()
            && role == Role::Server
        {
            spawn_blocking(move || lock.share()).await??;
        }
        let events = EventBus::connect(db.connector(), role, Arc::clone(&outage)).await?;
        let scans = Scans::new(db.scan_connections(), config.limits.scans_per_account);
        let quota = Quota {
            books: config.limits.account_books,
            kibibytes: config.limits.account_bytes / 1024,
        };
        let cover_removal = Arc::default();
        Ok(Self { db, outage, events, scans, quota, migrator, cover_removal, file_lock })
    }

    /// Logs that statements failed. On PostgreSQL, an outage is logged once.
    pub(crate) fn report_failure(&self, error: &StoreError, message: &str) {
        match error {
            StoreError::Unavailable(cause) if self.db.backend() == DbBackend::Postgres => {
                self.outage.log_lost(&error_chain(&**cause));
            }
            error => tracing::warn!(cause = %error_chain(error), "{message}"),
        }
    }

    /// The limits of scans.
    pub(crate) fn scans(&self) -> &Scans {
        &self.scans
    }

    /// The events of all instances.
    pub(crate) fn events(&self) -> &EventBus {
        &self.events
    }

    /// Publishes that sessions have ended.
    async fn publish_sessions_ended(&self, sessions: &[SessionId]) {
        let ended: Vec<_> = sessions.iter().map(|session| Event::SessionEnded(*session)).collect();
        self.events.publish(&ended).await;
    }

    /// Deletes expired sessions, with their refresh tokens, expired links to exports, expired failed logins and old
    /// imports.
    pub(crate) async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        self.sessions().purge(now).await?;
        self.exports().purge(now).await?;
        self.failed_logins().purge(now).await?;
        self.imports().purge(now).await
    }

    /// Publishes the last events and closes the connections ([`Db::close`]), so that an SQLite file has all data, and
    /// releases its lock. Gives up after [`CLOSE_TIMEOUT`].
    pub(crate) async fn close(&self) {
        self.events.flush().await;
        if timeout(CLOSE_TIMEOUT, self.db.close()).await.is_err() {
            tracing::warn!("some statements did not end, the connections stay open");
        }
        if let Some(lock) = self.file_lock.clone() {
            let _ = spawn_blocking(move || lock.release()).await;
        }
    }

    /// Runs `SELECT 1` to check that the database responds.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let mut sql = self.db.sql();
        sql.push("SELECT 1");
        self.db.read_one::<i32>(sql).await?;
        Ok(())
    }

    /// Begins a transaction whose statements, and their waits for locks, may take any time.
    async fn begin_unlimited(&self) -> Result<WriteGuard<DatabaseTransaction>, StoreError> {
        let transaction = self.db.begin().await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            let unlimited = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";
            transaction.unbounded().execute_unprepared(unlimited).await?;
        }
        Ok(transaction)
    }
}
