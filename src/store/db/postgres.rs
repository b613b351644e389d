//! Pipelined connections to PostgreSQL: a statement is sent before the results of the previous ones have
//! arrived. No statement waits for a free connection, and the database wakes up once for several
//! statements that arrive together.
//!
//! A connection returns results in the order of its statements, so it is used only for statements that all
//! take a similar time. Reads and writes use separate connections, since a write may wait for a lock.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_util::TryStreamExt;
use quick_cache::sync::Cache;
use sea_orm::Value;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::row::{DriverRow, RowReader};
use super::sql::Sql;
use crate::store::error::QueryError;
use crate::store::last_outage::LastOutage;

/// Maximum time to open a connection.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection is idle before TCP probes it, and how long data may stay unacknowledged.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Planner settings. Generic plans: re-planning a page for each `LIMIT` would take as long as reading it. No
/// sequential or bitmap scans: table statistics must not move a query off its index.
const PLANNER_OPTIONS: &str =
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off";

/// Maximum number of prepared statements per connection. There are more texts, one for each shape of a page,
/// but few of them are in use. The cache evicts those that are used least.
const STATEMENT_CACHE_SIZE: usize = 256;

/// The pipelined connections to a database.
#[derive(Debug)]
pub(super) struct PipelinedPool {
    readers: Vec<Slot>,
    writers: Vec<Slot>,
    next: AtomicUsize,
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

#[derive(Debug)]
struct Connection {
    client: Client,
    since: Instant,
    /// By their text.
    prepared: Cache<Box<str>, Statement>,
}

impl PipelinedPool {
    /// Makes slots for this many connections, at least one for reads and one for writes. `None` if a first
    /// connection cannot be opened: the database requires TLS, or only sqlx can parse its URL.
    pub(super) async fn connect(
        url: &str,
        connections: u32,
        statement_timeout: Duration,
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
            "{PLANNER_OPTIONS} {options} -c statement_timeout={}",
            statement_timeout.as_millis()
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
        let pool = Self { readers, writers, next, sqlx_options, config, outage, disabled };
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

    pub(super) async fn write<T>(
        &self,
        sql: &Sql,
        mut read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        self.least_busy(&self.writers).query(self, sql, &mut read_row).await
    }

    fn least_busy<'a>(&self, slots: &'a [Slot]) -> &'a Slot {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % slots.len();
        let (later, sooner) = slots.split_at(first);
        let mut best = &slots[first];
        for slot in sooner.iter().chain(later) {
            if slot.busy.load(Ordering::Relaxed) < best.busy.load(Ordering::Relaxed) {
                best = slot;
            }
        }
        best
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
        let open = self.open(pool).await?;
        let statement = open.prepared(sql.text()).await?;
        let mut found =
            pin!(open.client.query_raw(&statement, sql.values().iter().map(Parameter)).await?);
        let mut rows = Vec::new();
        while let Some(row) = found.try_next().await? {
            rows.push(read_row(&mut RowReader::new(DriverRow::Postgres(&row)))?);
        }
        Ok(rows)
    }

    async fn open(&self, pool: &PipelinedPool) -> Result<Arc<Connection>, QueryError> {
        let usable = |open: &Arc<Connection>| {
            !open.client.is_closed() && pool.outage.predates(open.since.elapsed())
        };
        if let Some(open) = self.current().filter(usable) {
            return Ok(open);
        }
        timeout(OPEN_TIMEOUT, self.reconnect(pool, usable))
            .await
            .unwrap_or_else(|_| Err(QueryError::unavailable("the connection timed out")))
    }

    async fn reconnect(
        &self,
        pool: &PipelinedPool,
        usable: impl Fn(&Arc<Connection>) -> bool,
    ) -> Result<Arc<Connection>, QueryError> {
        let _opening = self.opening.lock().await;
        if let Some(open) = self.current().filter(usable) {
            return Ok(open);
        }
        // Checked for each connection: after a failover the server may be another one.
        if wants_tls(&pool.sqlx_options).await {
            pool.disabled.store(true, Ordering::Relaxed);
            return Err(QueryError::unavailable("the database requires TLS"));
        }
        let since = Instant::now();
        let connected = pool.config.connect(NoTls).await;
        let (client, connection) = connected.inspect_err(|error| {
            // SQLSTATE class 28: the server rejects the login, perhaps because it has no TLS.
            if error.code().is_some_and(|code| code.code().starts_with("28")) {
                pool.disabled.store(true, Ordering::Relaxed);
            }
        })?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "lost a connection to the database");
            }
        });
        let open =
            Arc::new(Connection { client, since, prepared: Cache::new(STATEMENT_CACHE_SIZE) });
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&open));
        Ok(open)
    }

    fn current(&self) -> Option<Arc<Connection>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_closed(&self) -> bool {
        self.current().is_none_or(|open| open.client.is_closed())
    }
}

impl Connection {
    async fn prepared(&self, text: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.prepared.get(text) {
            return Ok(statement);
        }
        let statement = self.client.prepare(text).await?;
        self.prepared.insert(text.into(), statement.clone());
        Ok(statement)
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

/// A bound value, converted to the type that PostgreSQL expects for the parameter.
#[derive(Debug)]
struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        fn integer(
            value: Option<i64>,
            ty: &Type,
            out: &mut BytesMut,
        ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
            let Some(value) = value else { return Ok(IsNull::Yes) };
            match *ty {
                Type::INT2 => i16::try_from(value)?.to_sql(ty, out),
                Type::INT4 => i32::try_from(value)?.to_sql(ty, out),
                Type::INT8 => value.to_sql(ty, out),
                _ => Err(format!("an integer cannot be bound as {ty}").into()),
            }
        }
        match self.0 {
            Value::Bool(value) => value.to_sql(ty, out),
            Value::SmallInt(value) => integer(value.map(i64::from), ty, out),
            Value::Int(value) => integer(value.map(i64::from), ty, out),
            Value::BigInt(value) => integer(*value, ty, out),
            Value::BigUnsigned(value) => integer(value.map(u64::cast_signed), ty, out),
            Value::String(value) => value.to_sql(ty, out),
            Value::Uuid(value) => value.to_sql(ty, out),
            other => Err(format!("cannot bind a value of this type: {other:?}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
