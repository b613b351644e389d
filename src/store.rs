//! All database queries. This is the only module that accesses the database.

use std::fs::{DirBuilder, OpenOptions};
use std::num::{NonZero, NonZeroU32};
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as Connector, DatabaseConnection,
    DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, TransactionOptions,
};
use secrecy::ExposeSecret;

use crate::clock::Timestamp;
use crate::config::Database;
use crate::id::SessionId;

pub(crate) mod books;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod failed_logins;
mod fast_path;
mod last_outage;
pub(crate) mod page;
pub(crate) mod sessions;
pub(crate) mod users;
mod write_lock;

pub(crate) use error::StoreError;
use events::{Event, EventBus};
use fast_path::{Driver, FastPath, PipelinedPool, Sqlite};
use last_outage::LastOutage;
use write_lock::{WriteGuard, WriteLock};

/// Called with the SQL of every statement, for example to count them.
pub type StatementObserver = Arc<dyn Fn(&str) + Send + Sync>;

/// How long a statement waits for a free connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a writer waits while another process holds SQLite's file lock. This plus
/// [`write_lock::WRITE_LOCK_TIMEOUT`] is less than the operation timeout, so that the client gets the
/// database's error, not the timeout's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);

/// Page size of a new SQLite file, in bytes. A new book changes one page of each index, and each changed page
/// is written to the journal as a whole. Half the default size inserts 25 % more books; reads are as fast.
const PAGE_BYTES: u32 = 2_048;

/// Journal size, in pages, at which SQLite copies the journal into the database file: 16 MiB with
/// [`PAGE_BYTES`]. A page that changes many times before that is copied once.
const CHECKPOINT_PAGES: u32 = 8_192;

/// Statement timeout of PostgreSQL. It is longer than the operation timeout, so that it cancels only
/// statements whose client has already received a timeout.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// A connection that was idle for longer is pinged before it is used. A busy server has no connection
/// that is idle for so long; an idle server has time for the ping.
const PING_AFTER_IDLE: Duration = Duration::from_millis(20);

/// How many rows one statement purges, so that other writers do not wait for long.
const PURGE_BATCH_SIZE: u64 = 1_000;

/// The advisory lock that serialises migrations of instances with the same PostgreSQL ("shelf" in ASCII).
const MIGRATION_LOCK: i64 = 0x73_68_65_6c_66;

/// The database. With SQLite, one connection writes at a time and several read; with PostgreSQL, every
/// connection reads and writes.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    direct: FastPath,
    /// For transactions, and for queries whose time depends on the size of the library.
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// SQLite only.
    write_lock: Option<WriteLock>,
    events: EventBus,
}

impl Store {
    /// Connects to the database. Creates the SQLite file and its folder if they do not exist.
    pub(crate) async fn connect(
        database: &Database,
        pool: Option<NonZeroU32>,
        observer: Option<StatementObserver>,
    ) -> anyhow::Result<Self> {
        let connections = pool.map_or_else(default_pool_size, NonZeroU32::get);
        let outage = Arc::new(LastOutage::default());
        let observed = |mut connection: DatabaseConnection| {
            if let Some(observer) = observer.clone() {
                connection.set_metric_callback(move |info| observer(&info.statement.sql));
            }
            connection
        };
        let (driver, reader, writer, write_lock) = match database {
            Database::Sqlite(path) => {
                create_database_file(path)?;
                // The writer connects first: it initialises the file and sets its journal mode.
                let writer = observed(Connector::connect(sqlite(path, 1, false)).await?);
                let reader = observed(Connector::connect(sqlite(path, connections, true)).await?);
                let write_lock = WriteLock::default();
                let sqlite = Sqlite::open(path, BUSY_TIMEOUT, write_lock.clone())?;
                (Driver::Sqlite(Arc::new(sqlite)), reader, writer, Some(write_lock))
            }
            Database::Postgres(url) => {
                let url = url.expose_secret();
                let options = postgres(url, connections, Arc::clone(&outage));
                let pool = observed(Connector::connect(options).await?);
                let pipelined = PipelinedPool::connect(
                    url,
                    connections,
                    STATEMENT_TIMEOUT,
                    Arc::clone(&outage),
                );
                let driver = match pipelined.await {
                    Some(pipelined) => Driver::PipelinedPool(Arc::new(pipelined), pool.clone()),
                    None => {
                        tracing::info!(
                            "fast path disabled: could not open a pipelined connection, \
                             the database may require TLS"
                        );
                        Driver::Pool(pool.clone())
                    }
                };
                (driver, pool.clone(), pool, None)
            }
        };
        let (direct, events) =
            (FastPath::new(driver, observer), EventBus::connect(database, outage).await?);
        Ok(Self { direct, reader, writer, write_lock, events })
    }

    /// The events of all instances.
    pub(crate) fn events(&self) -> &EventBus {
        &self.events
    }

    /// Applies all pending migrations in one transaction. If several instances start at the same time,
    /// one applies them and the others wait.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let transaction = self.begin_migration().await?;
        Migrator::up(&*transaction, None).await?;
        transaction.commit().await
    }

    /// Reverts the latest `steps` migrations. The data in the tables they created is lost.
    pub(crate) async fn migrate_down(&self, steps: u32) -> Result<(), StoreError> {
        let transaction = self.begin_migration().await?;
        Migrator::down(&*transaction, Some(steps)).await?;
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

    /// The name of every migration, and whether it has been applied.
    pub(crate) async fn migration_status(&self) -> Result<Vec<(String, bool)>, DbErr> {
        let migrations = Migrator::get_migration_with_status_read_only(&self.reader).await?;
        let applied = |m: &migration::Migration| m.status() == migration::MigrationStatus::Applied;
        Ok(migrations.iter().map(|m| (m.name().to_owned(), applied(m))).collect())
    }

    /// Runs `SELECT 1` to check that the database responds.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.reader
            .query_one_raw(sea_orm::Statement::from_string(
                self.reader.get_database_backend(),
                "SELECT 1",
            ))
            .await?;
        Ok(())
    }

    async fn begin_migration(&self) -> Result<WriteGuard<DatabaseTransaction>, StoreError> {
        let transaction = self.begin().await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            // Migrations, and waiting for them, may take longer than any other statement.
            transaction.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
            let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
            transaction.execute_unprepared(&lock).await?;
        }
        Ok(transaction)
    }

    /// The connection for a single writing statement. Waits for the write lock.
    async fn writer(&self) -> Result<WriteGuard<&DatabaseConnection>, StoreError> {
        Ok(WriteGuard::new(&self.writer, self.write_lock.as_ref()).await?)
    }

    /// Begins a transaction that may write. SQLite takes its file lock at once: it may reject a later
    /// upgrade from a read to a write lock immediately, without waiting for the busy timeout.
    async fn begin(&self) -> Result<WriteGuard<DatabaseTransaction>, StoreError> {
        let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
        let guard = WriteGuard::new(&self.writer, self.write_lock.as_ref()).await?;
        Ok(guard.begin(options).await?)
    }
}

/// Four connections per core: fewer make writes slower, more are not faster.
fn default_pool_size() -> u32 {
    let cores = available_parallelism().map_or(1, NonZero::get);
    4 * u32::try_from(cores).unwrap_or(1)
}

fn sqlite(path: &Path, connections: u32, read_only: bool) -> ConnectOptions {
    let path = path.to_owned();
    let mut options = ConnectOptions::new("sqlite:bookshelf");
    common(&mut options, connections)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .map_sqlx_sqlite_opts(move |options| {
            let options = options
                .filename(&path)
                .create_if_missing(!read_only)
                .page_size(PAGE_BYTES)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT)
                .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string());
            if read_only { options.pragma("query_only", "ON") } else { options }
        });
    options
}

fn postgres(url: &str, connections: u32, outage: Arc<LastOutage>) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    common(&mut options, connections)
        .test_before_acquire_if_idle_for(PING_AFTER_IDLE)
        .map_sqlx_postgres_before_acquire(move |_, connection| {
            let trusted = outage.predates(connection.age);
            Box::pin(async move { Ok(trusted) })
        })
        .statement_timeout(STATEMENT_TIMEOUT)
        .set_application_name("bookshelf");
    options
}

fn common(options: &mut ConnectOptions, connections: u32) -> &mut ConnectOptions {
    options.max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT).sqlx_logging(false)
}

/// Creates the database file and its folder if they do not exist. Only their owner can access them,
/// because the file contains password hashes. SQLite gives its journal files the same mode.
fn create_database_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
