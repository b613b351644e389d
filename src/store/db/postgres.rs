//! Pipelined connections to PostgreSQL: a statement is sent before the results of the previous ones have
//! arrived. No statement waits for a free connection, and the database wakes up once for several
//! statements that arrive together.
//!
//! A connection returns results in the order of its statements, so it is used only for statements that all
//! take a similar time. Reads and writes use separate connections, since a write may wait for a lock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::options::{LOCK_TIMEOUT, STATEMENT_TIMEOUT};
use super::row::RowReader;
use super::sql::Sql;
use crate::id::UserId;
use crate::store::error::QueryError;
use crate::store::last_outage::LastOutage;

mod connection;
mod parameter;

use connection::Connection;

/// Maximum time to open a connection.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection is idle before TCP probes it, and how long data may stay unacknowledged.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Planner settings. Generic plans: re-planning a page for each `LIMIT` would take as long as reading it. No
/// sequential or bitmap scans: table statistics must not move a query off its index.
const PLANNER_OPTIONS: &str =
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off";

/// The pipelined connections to a database.
#[derive(Debug)]
pub(super) struct PipelinedPool {
    readers: Vec<Slot>,
    writers: Vec<Slot>,
    next: AtomicUsize,
    /// The owners with writes in flight.
    writing: Mutex<HashMap<UserId, OwnerWrites>>,
    /// The URL as sqlx parses it.
    sqlx_options: PgConnectOptions,
    config: Config,
    outage: Arc<LastOutage>,
    /// Set permanently when the database requires TLS or rejects the login of a pipelined connection.
    disabled: AtomicBool,
}

/// A slot for one connection, which is opened on first use, and again after it was lost.
#[derive(Debug, Default)]
struct Slot {
    open: RwLock<Option<Arc<Connection>>>,
    opening: tokio::sync::Mutex<()>,
    /// Number of statements in flight.
    busy: AtomicUsize,
}

/// The writes of one owner that are in flight.
#[derive(Clone, Copy, Debug)]
struct OwnerWrites {
    /// The index of the slot that they use.
    slot: usize,
    number: usize,
}

impl PipelinedPool {
    /// Makes slots for this many connections, at least one for reads and one for writes. `None` if a first
    /// connection cannot be opened: the database requires TLS, or only sqlx can parse its URL.
    pub(super) async fn connect(
        url: &str,
        connections: u32,
        outage: Arc<LastOutage>,
    ) -> Option<Self> {
        let sqlx_options: PgConnectOptions = url.parse().ok()?;
        let mut config: Config = url.parse().ok()?;
        // sqlx has its own defaults, such as `PGUSER`, for what the URL omits.
        config.user(sqlx_options.get_username());
        if config.get_ports().is_empty() {
            config.port(sqlx_options.get_port());
        }
        if let Some(database) = sqlx_options.get_database() {
            config.dbname(database);
        }
        let options = sqlx_options.get_options().unwrap_or_default();
        let options = format!(
            "{PLANNER_OPTIONS} {options} -c statement_timeout={} -c lock_timeout={}",
            STATEMENT_TIMEOUT.as_millis(),
            LOCK_TIMEOUT.as_millis()
        );
        config
            .options(options)
            .application_name("bookshelf")
            .ssl_mode(SslMode::Disable)
            .keepalives_idle(KEEPALIVE)
            .tcp_user_timeout(KEEPALIVE);
        let readers = (connections / 4).max(1);
        let writers = connections.saturating_sub(readers).max(1);
        let slots = |number| std::iter::repeat_with(Slot::default).take(number as usize).collect();
        let (readers, writers) = (slots(readers), slots(writers));
        let (next, disabled) = (AtomicUsize::new(0), AtomicBool::new(false));
        let writing = Mutex::default();
        let pool = Self { readers, writers, next, writing, sqlx_options, config, outage, disabled };
        pool.least_busy(&pool.readers).open(&pool).await.ok()?;
        Some(pool)
    }

    /// Whether statements must use sea-orm's pool from now on.
    pub(super) fn is_disabled(&self) -> bool {
        self.disabled.load(Ordering::Relaxed)
    }

    /// Runs a read-only statement. Retries it once if the connection was lost, which is safe for a read.
    pub(super) async fn read<T>(
        &self,
        sql: &Sql,
        mut read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let slot = self.least_busy(&self.readers);
        match slot.query(self, sql, &mut read_row).await {
            Err(_) if slot.is_closed() => {
                self.least_busy(&self.readers).query(self, sql, &mut read_row).await
            }
            result => result,
        }
    }

    /// Runs a writing statement about data of `owner`. Writes of one owner wait for the same rows, such as the
    /// book count, so they never occupy more than one connection.
    pub(super) async fn write<T>(
        &self,
        owner: UserId,
        sql: &Sql,
        mut read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let write = OwnerWrite::new(self, owner);
        self.writers[write.slot].query(self, sql, &mut read_row).await
    }

    fn least_busy<'a>(&self, slots: &'a [Slot]) -> &'a Slot {
        &slots[self.index_of_least_busy(slots)]
    }

    fn index_of_least_busy(&self, slots: &[Slot]) -> usize {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % slots.len();
        let busy = |index: usize| slots[index].busy.load(Ordering::Relaxed);
        (first..slots.len()).chain(0..first).min_by_key(|index| busy(*index)).unwrap_or(first)
    }

    fn writing(&self) -> MutexGuard<'_, HashMap<UserId, OwnerWrites>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write of an owner, counted while it is in flight.
struct OwnerWrite<'a> {
    pool: &'a PipelinedPool,
    owner: UserId,
    slot: usize,
}

impl<'a> OwnerWrite<'a> {
    fn new(pool: &'a PipelinedPool, owner: UserId) -> Self {
        let mut writing = pool.writing();
        let least_busy =
            || OwnerWrites { slot: pool.index_of_least_busy(&pool.writers), number: 0 };
        let writes = writing.entry(owner).or_insert_with(least_busy);
        writes.number += 1;
        Self { pool, owner, slot: writes.slot }
    }
}

impl Drop for OwnerWrite<'_> {
    fn drop(&mut self) {
        let mut writing = self.pool.writing();
        if let Some(writes) = writing.get_mut(&self.owner) {
            writes.number -= 1;
            if writes.number == 0 {
                writing.remove(&self.owner);
            }
        }
    }
}

/// Whether sqlx uses TLS with this database. By default it does if the server offers TLS.
async fn wants_tls(options: &PgConnectOptions) -> bool {
    match options.get_ssl_mode() {
        PgSslMode::Disable | PgSslMode::Allow => false,
        PgSslMode::Prefer if options.get_socket().is_some() => false,
        // If the server cannot be reached, the connection attempt that follows reports the error.
        PgSslMode::Prefer => {
            offers_tls(options.get_host(), options.get_port()).await.unwrap_or_default()
        }
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => true,
    }
}

/// Whether the server offers TLS, by an `SSLRequest` message (PostgreSQL, section 55.2.11).
async fn offers_tls(host: &str, port: u16) -> std::io::Result<bool> {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(&SSL_REQUEST).await?;
    Ok(stream.read_u8().await? != b'N')
}

impl Slot {
    async fn query<T>(
        &self,
        pool: &PipelinedPool,
        sql: &Sql,
        read_row: &mut impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let _busy = InFlight::new(&self.busy);
        self.open(pool).await?.query(sql, read_row).await
    }

    async fn open(&self, pool: &PipelinedPool) -> Result<Arc<Connection>, QueryError> {
        if let Some(open) = self.current().filter(|open| open.is_usable()) {
            return Ok(open);
        }
        // Boxed: see `Connection::query`.
        timeout(OPEN_TIMEOUT, Box::pin(self.reconnect(pool)))
            .await
            .unwrap_or_else(|_| Err(QueryError::unavailable("the connection timed out")))
    }

    async fn reconnect(&self, pool: &PipelinedPool) -> Result<Arc<Connection>, QueryError> {
        let _opening = self.opening.lock().await;
        if let Some(open) = self.current().filter(|open| open.is_usable()) {
            return Ok(open);
        }
        // Checked for each connection: after a failover the server may be another one.
        if wants_tls(&pool.sqlx_options).await {
            pool.disabled.store(true, Ordering::Relaxed);
            return Err(QueryError::unavailable("the database requires TLS"));
        }
        let open = Connection::open(&pool.config, &pool.outage).await.inspect_err(|error| {
            // SQLSTATE class 28: the server rejects the login, perhaps because it has no TLS.
            if error.code().is_some_and(|code| code.code().starts_with("28")) {
                pool.disabled.store(true, Ordering::Relaxed);
            }
        })?;
        let open = Arc::new(open);
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&open));
        Ok(open)
    }

    fn current(&self) -> Option<Arc<Connection>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_closed(&self) -> bool {
        self.current().is_none_or(|open| open.is_closed())
    }
}

/// Counts a statement while it is in flight.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
