//! How statements reach the database.
//!
//! Short statements, whose time does not depend on the size of the library, are SQL text and bound values
//! ([`Sql`]) and bypass sea-orm's pools. Each is prepared once per connection. PostgreSQL: pipelined
//! connections, so that no statement waits for a free connection ([`postgres`]). SQLite: reads run on the
//! calling thread, and waiting writes are committed as a group ([`sqlite`]).
//!
//! Searches and other scans ([`Db::scan`]) have connections of their own, so that no other statement waits for
//! them, and are interrupted when their result is no longer awaited ([`postgres::ScanPool`]). SQLite runs them on
//! other threads ([`sqlite::scan`]).
//!
//! Transactions, and all statements that sea-orm builds, use sea-orm's pools ([`Db::reader`],
//! [`Db::writer`], [`Db::begin`]).

use std::num::{NonZero, NonZeroU32};
use std::sync::Arc;
use std::thread::available_parallelism;

use futures_util::join;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
    TransactionOptions,
};
use tokio::task::spawn_blocking;

use super::connector::Connector;
use super::error::{QueryError, StoreError};
use super::last_outage::LastOutage;
use super::scans::ScanPermit;
use super::tunnel::Tunnel;
use crate::config::{Database, PostgresTarget};
use crate::id::UserId;

mod lease;
mod options;
mod pool;
mod postgres;
pub(super) mod row;
pub(super) mod sql;
mod sqlite;
pub(super) mod write_lock;

use lease::Lease;
use pool::Pool;
pub use pool::StatementObserver;
use postgres::{PipelinedPool, PoolSizes};
use row::{FromRow, RowReader};
use sql::{BatchStatement, Sql};
use sqlite::Sqlite;
pub(super) use sqlite::scan::CONTAINS_FUNCTION;
use write_lock::{WriteGuard, WriteLock};

/// The connections to the database. With SQLite, one connection writes at a time and several read; with
/// PostgreSQL, every connection reads and writes.
#[derive(Clone)]
pub(super) struct Db {
    driver: Driver,
    reader: Pool,
    writer: Pool,
    /// SQLite only.
    write_lock: Option<WriteLock>,
    scan_connections: u32,
    observer: Option<StatementObserver>,
}

/// What runs short statements, and what runs scans.
#[derive(Clone, Debug)]
enum Driver {
    Sqlite(Arc<Sqlite>, Arc<sqlite::scan::ScanPool>),
    Postgres(Arc<PipelinedPool>, Arc<postgres::ScanPool>),
}

impl Db {
    /// Connects to the database. Creates the SQLite file and its folder if they do not exist. `outage` is the
    /// last outage of the database: connections that are older are not used.
    pub(super) async fn connect(
        database: &Database,
        pool_size: Option<NonZeroU32>,
        observer: Option<StatementObserver>,
        outage: Arc<LastOutage>,
    ) -> anyhow::Result<Self> {
        let connections = pool_size.map_or_else(default_pool_size, NonZeroU32::get);
        let mut sizes = PoolSizes::new(connections);
        let (driver, reader, writer, write_lock) = match database {
            Database::Sqlite(path) | Database::Temporary { path, .. } => {
                options::create_database_file(path)?;
                let file = path.clone();
                spawn_blocking(move || sqlite::initialize(&file, options::BUSY_TIMEOUT)).await??;
                let writer =
                    Pool::connect(options::sqlite(path, 1, false), observer.clone(), None).await?;
                let reader =
                    Pool::connect(options::sqlite(path, connections, true), observer.clone(), None)
                        .await?;
                let write_lock = WriteLock::default();
                let sqlite = Sqlite::open(path, options::BUSY_TIMEOUT, write_lock.clone())?;
                let (busy, limit) = (options::BUSY_TIMEOUT, options::STATEMENT_TIMEOUT);
                let scans = sqlite::scan::ScanPool::new(path.clone(), busy, limit);
                let driver = Driver::Sqlite(Arc::new(sqlite), Arc::new(scans));
                (driver, reader, writer, Some(write_lock))
            }
            Database::Postgres(target) => {
                let connector = Connector::new(PostgresTarget::clone(target))?;
                if pool_size.is_none() {
                    sizes = PoolSizes::fitting_database(&connector, connections).await?;
                }
                let (connections, lost) = (sizes.pipelined, Arc::clone(&outage));
                let pipelined =
                    PipelinedPool::connect(connector.clone(), connections, lost).await?;
                let scans = postgres::ScanPool::new(connector.clone(), Arc::clone(&outage));
                let tunnel = Arc::new(Tunnel::open(connector, Arc::clone(&outage))?);
                let options = options::postgres(&tunnel, target, sizes.pool, Arc::clone(&outage));
                let pool = Pool::connect(options, observer.clone(), Some(outage)).await?;
                let driver = Driver::Postgres(Arc::new(pipelined), Arc::new(scans));
                (driver, pool.clone(), pool, None)
            }
        };
        let scan_connections = sizes.scans;
        Ok(Self { driver, reader, writer, write_lock, scan_connections, observer })
    }

    /// An empty statement in the dialect of this database.
    pub(super) fn sql(&self) -> Sql {
        Sql::new(self.backend())
    }

    pub(super) fn backend(&self) -> DbBackend {
        match &self.driver {
            Driver::Sqlite(..) => DbBackend::Sqlite,
            Driver::Postgres(..) => DbBackend::Postgres,
        }
    }

    /// Returns the rows of a short read-only statement.
    pub(super) async fn read<T: FromRow>(&self, sql: Sql) -> Result<Vec<T>, QueryError> {
        self.read_with(sql, T::from_row).await
    }

    /// Returns the first row of a short read-only statement, if any.
    pub(super) async fn read_one<T: FromRow>(&self, sql: Sql) -> Result<Option<T>, QueryError> {
        Ok(self.read(sql).await?.into_iter().next())
    }

    /// Like [`Db::read`], for rows that are not read by their type alone.
    pub(super) async fn read_with<T>(
        &self,
        sql: Sql,
        read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        self.observe(&sql);
        match &self.driver {
            Driver::Postgres(pipelined, _) => pipelined.read(&sql, read_row).await,
            Driver::Sqlite(sqlite, _) => sqlite.read(&sql, read_row),
        }
    }

    /// Returns the rows of a read-only statement whose time depends on the size of the library. If the future is
    /// dropped, the statement is interrupted. The permit is held until it has ended.
    pub(super) async fn scan<T: Send + 'static>(
        &self,
        permit: ScanPermit,
        sql: Sql,
        read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<Vec<T>, QueryError> {
        self.observe(&sql);
        match &self.driver {
            Driver::Sqlite(_, scans) => scans.query(permit, sql, read_row).await,
            Driver::Postgres(_, scans) => scans.query(permit, sql, read_row).await,
        }
    }

    /// Opens further connections to the same PostgreSQL; `None` with SQLite.
    pub(super) fn connector(&self) -> Option<&Connector> {
        match &self.driver {
            Driver::Sqlite(..) => None,
            Driver::Postgres(pipelined, _) => Some(pipelined.connector()),
        }
    }

    /// How many scans can run at once.
    pub(super) fn scan_connections(&self) -> u32 {
        self.scan_connections
    }

    /// Runs a single writing statement about data of `owner` in its own transaction and returns its rows. When
    /// this returns, the change is on disk.
    pub(super) async fn write<T: FromRow>(
        &self,
        owner: UserId,
        sql: Sql,
    ) -> Result<Vec<T>, QueryError> {
        self.observe(&sql);
        match &self.driver {
            Driver::Postgres(pipelined, _) => pipelined.write(owner, &sql, T::from_row).await,
            Driver::Sqlite(sqlite, _) => sqlite.write(sql).await,
        }
    }

    /// Runs writing statements in one transaction. Writes nothing and returns false if one returns another number of
    /// rows than it must: the data was changed since the statements were made. When this returns true, the changes are on
    /// disk.
    pub(super) async fn write_batch(
        &self,
        statements: Vec<BatchStatement>,
    ) -> Result<bool, QueryError> {
        if let Driver::Sqlite(sqlite, _) = &self.driver {
            statements.iter().for_each(|statement| self.observe(&statement.sql));
            return sqlite.write_batch(statements).await;
        }
        let transaction = self.begin().await?;
        for BatchStatement { sql, rows } in statements {
            let statement = sql.into_statement();
            match rows {
                None => {
                    transaction.execute_raw(statement).await?;
                }
                Some(rows) => {
                    if transaction.query_all_raw(statement).await?.len() != rows {
                        transaction.rollback().await?;
                        return Ok(false);
                    }
                }
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The connections for a reading statement of sea-orm.
    pub(super) fn reader(&self) -> Lease<DatabaseConnection> {
        self.reader.lease()
    }

    /// The connection for a single writing statement of sea-orm. Waits for the write lock.
    pub(super) async fn writer(&self) -> Result<WriteGuard<DatabaseConnection>, StoreError> {
        Ok(WriteGuard::new(self.writer.lease(), self.write_lock.as_ref()).await?)
    }

    /// Begins a transaction that may write. SQLite takes its file lock at once: it may reject a later
    /// upgrade from a read to a write lock immediately, without waiting for the busy timeout.
    pub(super) async fn begin(&self) -> Result<WriteGuard<DatabaseTransaction>, StoreError> {
        let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
        let guard = WriteGuard::new(self.writer.lease(), self.write_lock.as_ref()).await?;
        Ok(guard.begin(options).await?)
    }

    /// Closes sea-orm's pools and, with SQLite, all other connections: statements that are queued run to their
    /// end, further statements are rejected, and the database file alone has all data then, unless another
    /// process reads it.
    pub(super) async fn close(&self) {
        let (sqlite, scans) = match &self.driver {
            Driver::Sqlite(sqlite, scans) => (sqlite, Arc::clone(scans)),
            Driver::Postgres(pipelined, scans) => {
                join!(pipelined.close(), scans.close(), self.close_pools());
                return;
            }
        };
        let (writer, journal) = (Arc::clone(sqlite), Arc::clone(sqlite));
        let close = move || {
            writer.close();
            scans.close();
        };
        let _ = spawn_blocking(close).await;
        self.close_pools().await;
        match spawn_blocking(move || journal.remove_journal()).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => tracing::warn!(
                "another process reads the database: keep its journal (-wal) with the file"
            ),
            Ok(Err(error)) => tracing::warn!(%error, "could not empty the journal of the database"),
            Err(error) => tracing::error!(%error, "closing the database failed"),
        }
    }

    async fn close_pools(&self) {
        for pool in [&self.reader, &self.writer] {
            if let Err(error) = pool.close().await {
                tracing::warn!(%error, "closing the connections failed");
            }
        }
    }

    /// Reports a statement that does not go through sea-orm, which reports its own.
    fn observe(&self, sql: &Sql) {
        if let Some(observer) = &self.observer {
            observer(sql.text());
        }
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Db").field(&self.driver).finish()
    }
}

/// Four connections per core: fewer make writes slower, more are not faster.
fn default_pool_size() -> u32 {
    let cores = available_parallelism().map_or(1, NonZero::get);
    4 * u32::try_from(cores).unwrap_or(1)
}
