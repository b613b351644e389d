//! PostgreSQL over lanes: connections on which many statements are on their way at once, each sent before
//! the one in front of it is answered. Nobody waits for a connection, and the database is woken once for
//! what comes together.
//!
//! A lane answers in the order in which it was asked, so only statements go over it that take as long as
//! any other; and what reads has lanes of its own, since a write may wait for a lock.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_util::TryStreamExt;
use sea_orm::Value;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::{BoundStatement, Row};
use crate::store::error::QueryError;
use crate::store::last_outage::LastOutage;

/// How long a lane takes to open at most.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the system waits for a sign of life of a database that is silent.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// How statements are planned: once on each lane, since planning a page anew for each `LIMIT` takes as long as
/// reading it; and by the index that is there for each, whatever is thought of the table's size meanwhile.
const PLANNER_OPTIONS: &str =
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off";

/// How many statements a lane keeps prepared. There are more: one for each shape of a page. Few of them are in use.
const STATEMENT_CACHE_SIZE: usize = 256;

/// The lanes to a database.
#[derive(Debug)]
pub(in crate::store) struct PipelinedPool {
    readers: Vec<Slot>,
    writers: Vec<Slot>,
    next: AtomicUsize,
    /// As sqlx understands the URL.
    wanted: PgConnectOptions,
    config: Config,
    outage: Arc<LastOutage>,
    /// Set once the database turns out to want connections that lanes are not.
    closed: AtomicBool,
}

/// A place for a connection, which is opened when it is needed, and again when it was lost.
#[derive(Debug, Default)]
struct Slot {
    open: RwLock<Option<Arc<Connection>>>,
    opening: tokio::sync::Mutex<()>,
    /// Statements on their way.
    busy: AtomicUsize,
}

#[derive(Debug)]
struct Connection {
    client: Client,
    since: Instant,
    /// At most [`STATEMENT_CACHE_SIZE`].
    prepared: RwLock<HashMap<Arc<str>, Statement>>,
}

impl PipelinedPool {
    /// As many lanes as there are to be connections, at least one for readers and one for writers. None if
    /// this database is not to be reached so: it wants TLS, or its URL means something to sqlx alone.
    pub(in crate::store) async fn connect(
        url: &str,
        connections: u32,
        statement_timeout: Duration,
        outage: Arc<LastOutage>,
    ) -> Option<Self> {
        let wanted: PgConnectOptions = url.parse().ok()?;
        let mut config: Config = url.parse().ok()?;
        // What the URL does not say, sqlx takes from elsewhere.
        config.user(wanted.get_username());
        if config.get_ports().is_empty() {
            config.port(wanted.get_port());
        }
        if let Some(database) = wanted.get_database() {
            config.dbname(database);
        }
        let options = wanted.get_options().unwrap_or_default();
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
        let lanes = |number| std::iter::repeat_with(Slot::default).take(number as usize).collect();
        let (readers, writers) = (lanes(readers), lanes(writers));
        let (next, closed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let lanes = Self { readers, writers, next, wanted, config, outage, closed };
        lanes.least_busy(&lanes.readers).open(&lanes).await.ok()?;
        Some(lanes)
    }

    /// Whether statements have to go another way from now on.
    pub(super) fn is_disabled(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Asks once more if the lane was lost on the way: what only reads may be asked twice.
    pub(super) async fn read<T>(
        &self,
        sql: &BoundStatement,
        from_row: impl Fn(&Row<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let lane = self.least_busy(&self.readers);
        match lane.ask(self, sql, &from_row).await {
            Err(_) if lane.is_closed() => {
                self.least_busy(&self.readers).ask(self, sql, &from_row).await
            }
            answer => answer,
        }
    }

    pub(super) async fn write<T>(
        &self,
        sql: &BoundStatement,
        from_row: impl Fn(&Row<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        self.least_busy(&self.writers).ask(self, sql, &from_row).await
    }

    fn least_busy<'a>(&self, lanes: &'a [Slot]) -> &'a Slot {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % lanes.len();
        let (later, sooner) = lanes.split_at(first);
        let mut best = &lanes[first];
        for lane in sooner.iter().chain(later) {
            if lane.busy.load(Ordering::Relaxed) < best.busy.load(Ordering::Relaxed) {
                best = lane;
            }
        }
        best
    }
}

/// Whether sqlx speaks TLS with this database: by default it does if it can.
async fn wants_tls(options: &PgConnectOptions) -> bool {
    match options.get_ssl_mode() {
        PgSslMode::Disable | PgSslMode::Allow => false,
        PgSslMode::Prefer if options.get_socket().is_some() => false,
        // Who does not answer is not to be reached either way.
        PgSslMode::Prefer => {
            offers_tls(options.get_host(), options.get_port()).await.unwrap_or_default()
        }
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => true,
    }
}

/// Asks as every client does (PostgreSQL, section 55.2.11).
async fn offers_tls(host: &str, port: u16) -> std::io::Result<bool> {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(&SSL_REQUEST).await?;
    Ok(stream.read_u8().await? != b'N')
}

impl Slot {
    async fn ask<T>(
        &self,
        lanes: &PipelinedPool,
        sql: &BoundStatement,
        from_row: &impl Fn(&Row<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let _busy = InFlight::new(&self.busy);
        let open = self.open(lanes).await?;
        let statement = open.prepared(&sql.text).await?;
        let mut found =
            pin!(open.client.query_raw(&statement, sql.values.iter().map(Parameter)).await?);
        let mut rows = Vec::new();
        while let Some(row) = found.try_next().await? {
            rows.push(from_row(&Row::Postgres(&row))?);
        }
        Ok(rows)
    }

    async fn open(&self, lanes: &PipelinedPool) -> Result<Arc<Connection>, QueryError> {
        let usable = |open: &Arc<Connection>| {
            !open.client.is_closed() && lanes.outage.predates(open.since.elapsed())
        };
        if let Some(open) = self.current().filter(usable) {
            return Ok(open);
        }
        timeout(OPEN_TIMEOUT, self.reconnect(lanes, usable))
            .await
            .unwrap_or_else(|_| Err(QueryError::unavailable("the database does not answer")))
    }

    async fn reconnect(
        &self,
        lanes: &PipelinedPool,
        usable: impl Fn(&Arc<Connection>) -> bool,
    ) -> Result<Arc<Connection>, QueryError> {
        let _opening = self.opening.lock().await;
        if let Some(open) = self.current().filter(usable) {
            return Ok(open);
        }
        // Each time: the server may be another one now.
        if wants_tls(&lanes.wanted).await {
            lanes.closed.store(true, Ordering::Relaxed);
            return Err(QueryError::unavailable("the database wants TLS"));
        }
        let since = Instant::now();
        let connected = lanes.config.connect(NoTls).await;
        let (client, connection) = connected.inspect_err(|error| {
            // Class 28: it does not let us in so.
            if error.code().is_some_and(|code| code.code().starts_with("28")) {
                lanes.closed.store(true, Ordering::Relaxed);
            }
        })?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the database was lost");
            }
        });
        let open = Arc::new(Connection { client, since, prepared: RwLock::default() });
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
    async fn prepared(&self, text: &Arc<str>) -> Result<Statement, tokio_postgres::Error> {
        let known = self.prepared.read().unwrap_or_else(PoisonError::into_inner).get(text).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(text).await?;
        let mut prepared = self.prepared.write().unwrap_or_else(PoisonError::into_inner);
        if prepared.len() >= STATEMENT_CACHE_SIZE {
            // Those that are in use come back, once each.
            prepared.clear();
        }
        prepared.insert(Arc::clone(text), statement.clone());
        Ok(statement)
    }
}

/// Counts a statement for as long as it is on its way.
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

/// A value, in the type that PostgreSQL expects in its place.
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
                _ => Err(format!("a number is no {ty}").into()),
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
            other => Err(format!("no column of ours takes {other:?}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
