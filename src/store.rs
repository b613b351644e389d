//! All database queries. This is the only module that accesses the database.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use migration::{Migrator, MigratorTrait, SchemaManager};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};
use tokio::time::timeout;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::id::SessionId;

pub(crate) mod books;
mod connector;
mod db;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod failed_logins;
mod last_outage;
mod library_size;
pub(crate) mod page;
pub(crate) mod quota;
mod refresh_tokens;
pub(crate) mod scans;
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

/// How many rows one statement purges, so that other writers do not wait for long.
const PURGE_BATCH_SIZE: u64 = 1_000;

/// How long the shutdown waits for statements that still run.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The advisory lock that serialises migrations of instances with the same PostgreSQL ("shelf" in ASCII).
const MIGRATION_LOCK: i64 = 0x73_68_65_6c_66;

/// The sizes of the tables that matter to their users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowCounts {
    pub(crate) accounts: i64,
    pub(crate) books: i64,
}

/// The database and its events.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    db: Db,
    outage: Arc<LastOutage>,
    events: EventBus,
    scans: Scans,
    quota: Quota,
}

impl Store {
    /// Connects to the database. Creates the SQLite file and its folder if they do not exist. The error says in plain
    /// words why the database cannot be used, and what to do.
    pub(crate) async fn open(
        config: &Config,
        observer: Option<StatementObserver>,
    ) -> anyhow::Result<Self> {
        let database = &config.database;
        let store = Self::connect(config, observer).await;
        let store = store.map_err(|error| {
            anyhow!("cannot open the database {database}: {}", startup::explain_open_error(&error))
        })?;
        startup::check_version(&store.db).await?;
        Ok(store)
    }

    async fn connect(config: &Config, observer: Option<StatementObserver>) -> anyhow::Result<Self> {
        let outage = Arc::new(LastOutage::default());
        let Config { database, database_pool_size, .. } = config;
        let db = Db::connect(database, *database_pool_size, observer, Arc::clone(&outage)).await?;
        let events = EventBus::connect(db.connector(), Arc::clone(&outage)).await?;
        let scans = Scans::new(db.scan_connections(), config.limits.scans_per_account);
        let quota = Quota {
            books: config.limits.account_books,
            kibibytes: config.limits.account_bytes / 1024,
        };
        Ok(Self { db, outage, events, scans, quota })
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

    /// Applies all pending migrations in one transaction. If several instances start at the same time,
    /// one applies them and the others wait.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let transaction = self.begin_migration().await?;
        Migrator::up(transaction.unbounded(), None).await?;
        transaction.commit().await
    }

    /// Reverts the latest `steps` migrations. The data in the tables they created is lost.
    pub(crate) async fn migrate_down(&self, steps: u32) -> Result<(), StoreError> {
        let transaction = self.begin_migration().await?;
        Migrator::down(transaction.unbounded(), Some(steps)).await?;
        transaction.commit().await
    }

    /// Publishes that sessions have ended.
    async fn publish_sessions_ended(&self, sessions: &[SessionId]) {
        let ended: Vec<_> = sessions.iter().map(|session| Event::SessionEnded(*session)).collect();
        self.events.publish(&ended).await;
    }

    /// Deletes expired sessions, with their refresh tokens, and expired failed logins.
    pub(crate) async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        self.sessions().purge(now).await?;
        self.failed_logins().purge(now).await
    }

    /// Closes the connections ([`Db::close`]), so that an SQLite file has all data. Gives up after
    /// [`CLOSE_TIMEOUT`].
    pub(crate) async fn close(&self) {
        if timeout(CLOSE_TIMEOUT, self.db.close()).await.is_err() {
            tracing::warn!("some statements did not end, the connections stay open");
        }
    }

    /// The name of every migration, and whether it has been applied.
    pub(crate) async fn migration_status(&self) -> Result<Vec<(String, bool)>, DbErr> {
        let migrations =
            Migrator::get_migration_with_status_read_only(self.db.reader().unbounded()).await?;
        let applied = |m: &migration::Migration| m.status() == migration::MigrationStatus::Applied;
        Ok(migrations.iter().map(|m| (m.name().to_owned(), applied(m))).collect())
    }

    /// How many accounts and books the database has; 0 if it does not have their tables.
    pub(crate) async fn row_counts(&self) -> Result<RowCounts, StoreError> {
        let count = async |table: &'static str| {
            let connection = self.db.reader();
            if !SchemaManager::new(connection.unbounded()).has_table(table).await? {
                return Ok::<i64, StoreError>(0);
            }
            let mut sql = self.db.sql();
            sql.push("SELECT count(*) FROM ").push(table);
            Ok(self.db.read_one(sql).await?.unwrap_or_default())
        };
        Ok(RowCounts { accounts: count("users").await?, books: count("books").await? })
    }

    /// Runs `SELECT 1` to check that the database responds.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let mut sql = self.db.sql();
        sql.push("SELECT 1");
        self.db.read_one::<i32>(sql).await?;
        Ok(())
    }

    async fn begin_migration(&self) -> Result<WriteGuard<DatabaseTransaction>, StoreError> {
        let transaction = self.begin_unlimited().await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
            transaction.unbounded().execute_unprepared(&lock).await?;
        }
        Ok(transaction)
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
