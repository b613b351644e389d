//! Every query there is. Speaks to the database and to nobody else.

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

/// Called with the SQL of every statement, for whoever counts them.
pub type StatementObserver = Arc<dyn Fn(&str) + Send + Sync>;

/// How long a statement waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a writer waits for another process to finish with the SQLite file. That and the wait for its
/// turn are shorter together than an operation may take, so that their end is what is told.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);

/// How large the pages of a new SQLite file are, in bytes. A new book touches a page of each index, and each of
/// those is written to the journal as a whole: half the usual size adds a quarter more books, and reads as quickly.
const PAGE_BYTES: u32 = 2_048;

/// After how many pages of its journal SQLite moves them into the file: 16 MiB in a file of ours, so that a
/// page that is written again and again is moved once.
const CHECKPOINT_PAGES: u32 = 8_192;

/// How long PostgreSQL works on a statement. Longer than an operation may take, so that this ends
/// only what nobody waits for any more.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// A connection that was idle for longer is asked whether it still lives before it is used. A server
/// with much to do has none that idle so long, and one with little has the time.
const PING_AFTER_IDLE: Duration = Duration::from_millis(20);

/// How many rows are purged with one statement, so that nobody waits for long.
const PURGE_BATCH_SIZE: u64 = 1_000;

/// The number by which servers on one PostgreSQL agree who migrates ("shelf" in ASCII).
const MIGRATION_LOCK: i64 = 0x73_68_65_6c_66;

/// The database. With SQLite there is one connection at a time that writes, and several that read; with
/// PostgreSQL all do both.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    direct: FastPath,
    /// What takes several statements, or a time that depends on the library.
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// With SQLite.
    gate: Option<WriteLock>,
    events: EventBus,
}

impl Store {
    /// Connects; makes an SQLite file that is not there, and the folder for it.
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
        let (way, reader, writer, gate) = match database {
            Database::Sqlite(path) => {
                create_database_file(path)?;
                // The writer comes first: it makes the file and sets its journal.
                let writer = observed(Connector::connect(sqlite(path, 1, false)).await?);
                let reader = observed(Connector::connect(sqlite(path, connections, true)).await?);
                let gate = WriteLock::default();
                let direct = Sqlite::open(path, BUSY_TIMEOUT, gate.clone())?;
                (Driver::Sqlite(Arc::new(direct)), reader, writer, Some(gate))
            }
            Database::Postgres(url) => {
                let url = url.expose_secret();
                let options = postgres(url, connections, Arc::clone(&outage));
                let pool = observed(Connector::connect(options).await?);
                let lanes = PipelinedPool::connect(
                    url,
                    connections,
                    STATEMENT_TIMEOUT,
                    Arc::clone(&outage),
                );
                let way = match lanes.await {
                    Some(lanes) => Driver::PipelinedPool(Arc::new(lanes), pool.clone()),
                    None => {
                        tracing::info!("all statements go over the pool, one after the other");
                        Driver::Pool(pool.clone())
                    }
                };
                (way, pool.clone(), pool, None)
            }
        };
        let (direct, events) =
            (FastPath::new(way, observer), EventBus::connect(database, outage).await?);
        Ok(Self { direct, reader, writer, gate, events })
    }

    /// What happens, on any copy of the server.
    pub(crate) fn events(&self) -> &EventBus {
        &self.events
    }

    /// Brings the tables up to date, all steps or none. Of several servers that start at once, one
    /// does it and the others wait.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let transaction = self.begin_migration().await?;
        Migrator::up(&*transaction, None).await?;
        transaction.commit().await
    }

    /// Takes back the latest `steps` migrations, and the data in what they made.
    pub(crate) async fn migrate_down(&self, steps: u32) -> Result<(), StoreError> {
        let transaction = self.begin_migration().await?;
        Migrator::down(&*transaction, Some(steps)).await?;
        transaction.commit().await
    }

    /// Tells that sessions have ended.
    async fn publish_sessions_ended(&self, sessions: &[SessionId]) {
        let ended: Vec<_> = sessions.iter().map(|session| Event::SessionEnded(*session)).collect();
        self.events.publish(&ended).await;
    }

    /// Removes what has expired.
    pub(crate) async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        self.sessions().purge(now).await?;
        self.failed_logins().purge(now).await
    }

    /// The name of every migration, and whether it was applied.
    pub(crate) async fn migration_status(&self) -> Result<Vec<(String, bool)>, DbErr> {
        let migrations = Migrator::get_migration_with_status_read_only(&self.reader).await?;
        let applied = |m: &migration::Migration| m.status() == migration::MigrationStatus::Applied;
        Ok(migrations.iter().map(|m| (m.name().to_owned(), applied(m))).collect())
    }

    /// Asks the database for a sign of life.
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
            // Steps, and the wait for them, may take longer than any other statement.
            transaction.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
            let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
            transaction.execute_unprepared(&lock).await?;
        }
        Ok(transaction)
    }

    /// The connection for a statement that writes by itself, once it may.
    async fn writer(&self) -> Result<WriteGuard<&DatabaseConnection>, StoreError> {
        Ok(WriteGuard::new(&self.writer, self.gate.as_ref()).await?)
    }

    /// Begins a transaction that may write. SQLite takes its lock at once, since a lock that is
    /// asked for later can be refused without a wait.
    async fn begin(&self) -> Result<WriteGuard<DatabaseTransaction>, StoreError> {
        let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
        let turn = WriteGuard::new(&self.writer, self.gate.as_ref()).await?;
        Ok(turn.begin(options).await?)
    }
}

/// Four per core: fewer slow writes down, more are not quicker.
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

/// Makes the file of a database, and its folder, where they are missing: for their owner only, since
/// password hashes will be in there. SQLite gives the files beside it the same mode.
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
