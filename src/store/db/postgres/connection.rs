//! A pipelined connection to PostgreSQL, which is dropped when the database stops responding.
//!
//! PostgreSQL cancels each statement after a time limit, so while statements are in flight, a response arrives
//! within that time. If none does, the connection is lost, even if TCP reports no error: a proxy may
//! acknowledge data that it does not forward.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use quick_cache::sync::Cache;
use tokio::time::{MissedTickBehavior, interval};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};
use tokio_util::task::TaskTracker;

use super::parameter::Parameter;
use crate::store::connector::{ConnectError, Connector};
use crate::store::db::options::RESPONSE_TIMEOUT;
use crate::store::db::row::{DriverRow, RowReader};
use crate::store::db::sql::Sql;
use crate::store::error::{QueryError, READ_ONLY};
use crate::store::last_outage::LastOutage;

/// Maximum number of prepared statements per connection. There are more texts, one for each shape of a page,
/// but few of them are in use. The cache evicts those that are used least.
const STATEMENT_CACHE_SIZE: usize = 256;

/// How often it is checked whether the database responds.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Maximum time to open a connection.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    since: Instant,
    /// By their text.
    prepared: Cache<Box<str>, Statement>,
    progress: Arc<Mutex<Progress>>,
    outage: Arc<LastOutage>,
}

/// Whether the database responds.
#[derive(Debug)]
struct Progress {
    /// How many statements are in flight.
    pending: usize,
    /// When the last response arrived, or when the first of the statements in flight was sent.
    since: Instant,
}

impl Progress {
    fn record_statement(&mut self) {
        if self.pending == 0 {
            self.since = Instant::now();
        }
        self.pending += 1;
    }

    /// A part of the response to a statement, which is still in flight.
    fn record_response(&mut self) {
        self.since = Instant::now();
    }

    /// The end of the response to a statement.
    fn record_last_response(&mut self) {
        self.record_response();
        self.pending -= 1;
    }

    fn is_silent(&self) -> bool {
        self.pending > 0 && self.since.elapsed() >= RESPONSE_TIMEOUT
    }
}

impl Connection {
    /// Opens a connection and executes `settings`. `tasks` has a task until it ends.
    pub(super) async fn open(
        connector: &Connector,
        settings: &str,
        outage: &Arc<LastOutage>,
        tasks: &TaskTracker,
    ) -> Result<Self, ConnectError> {
        let since = Instant::now();
        let mut silence = outage.silence(since);
        let application_name = connector.application_name();
        let (client, connection) = connector.connect(application_name, settings).await?;
        let progress = Arc::new(Mutex::new(Progress { pending: 0, since }));
        let (watched, outage) = (Arc::clone(&progress), Arc::clone(outage));
        let recorder = Arc::clone(&outage);
        tasks.spawn(async move {
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "lost a connection to the database");
                    }
                }
                // Statements in flight fail.
                () = silence.detected() => {}
                () = until_silent(&watched) => recorder.record_silence(since),
            }
        });
        let prepared = Cache::new(STATEMENT_CACHE_SIZE);
        Ok(Self { client, since, prepared, progress, outage })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether the connection is open and was opened after the last outage.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_closed() && self.outage.predates(self.since.elapsed())
    }

    /// Runs a statement and returns its rows. Whether or not the caller waits for them, the connection is dropped
    /// if the database stops responding.
    pub(super) async fn query<T>(
        self: Arc<Self>,
        sql: &Sql,
        read_row: &mut impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let mut response = PendingResponse::new(&self);
        // Boxed: the future of a statement is a part of that of each field that reads, which async-graphql copies
        // several times. Unboxed, a list of 20 books copied 65 KB of futures, which took a tenth of its time.
        let rows = Box::pin(self.run(sql, read_row)).await;
        response.arrived = true;
        rows
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }

    /// Runs a statement, which is prepared again if it has become invalid, for example since a column of its
    /// result has another type now. PostgreSQL rejects such a statement before it runs.
    async fn run<T>(
        &self,
        sql: &Sql,
        read_row: &mut impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let statement = match self.prepared.get(sql.text()) {
            Some(prepared) => prepared,
            None => self.prepare(sql).await?,
        };
        match self.execute(&statement, sql, read_row).await {
            Err(ExecuteError::InvalidStatement) => {
                let statement = self.prepare(sql).await?;
                Ok(self.execute(&statement, sql, read_row).await?)
            }
            Err(ExecuteError::ReadOnlyServer(error)) => {
                self.outage.record_read_only();
                Err(error)
            }
            result => Ok(result?),
        }
    }

    async fn prepare(&self, sql: &Sql) -> Result<Statement, QueryError> {
        let statement = self.client.prepare(sql.text()).await?;
        self.progress().record_response();
        if !sql.is_planned_anew() {
            self.prepared.insert(sql.text().into(), statement.clone());
        }
        Ok(statement)
    }

    async fn execute<T>(
        &self,
        statement: &Statement,
        sql: &Sql,
        read_row: &mut impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, ExecuteError> {
        let values = sql.values().iter().map(Parameter);
        let mut found = pin!(self.client.query_raw(statement, values).await?);
        let mut rows = Vec::new();
        while let Some(row) = found.try_next().await? {
            rows.push(read_row(&mut RowReader::new(DriverRow::Postgres(&row)))?);
        }
        Ok(rows)
    }
}

/// Why a prepared statement failed.
#[derive(Debug)]
enum ExecuteError {
    /// It must be prepared again.
    InvalidStatement,
    /// Another server may allow writes.
    ReadOnlyServer(QueryError),
    Failed(QueryError),
}

impl From<tokio_postgres::Error> for ExecuteError {
    fn from(error: tokio_postgres::Error) -> Self {
        // FEATURE_NOT_SUPPORTED: "cached plan must not change result type".
        let invalid = [SqlState::FEATURE_NOT_SUPPORTED, SqlState::INVALID_SQL_STATEMENT_NAME];
        match error.code() {
            Some(code) if invalid.contains(code) => Self::InvalidStatement,
            Some(code) if code.code() == READ_ONLY => Self::ReadOnlyServer(error.into()),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<QueryError> for ExecuteError {
    fn from(error: QueryError) -> Self {
        Self::Failed(error)
    }
}

impl From<ExecuteError> for QueryError {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::InvalidStatement => {
                Self::unavailable("a prepared statement became invalid repeatedly")
            }
            ExecuteError::ReadOnlyServer(error) | ExecuteError::Failed(error) => error,
        }
    }
}

/// A statement in flight. If its caller stops waiting, for example since the operation timed out, the response is
/// still awaited.
struct PendingResponse {
    connection: Arc<Connection>,
    arrived: bool,
}

impl PendingResponse {
    fn new(connection: &Arc<Connection>) -> Self {
        connection.progress().record_statement();
        Self { connection: Arc::clone(connection), arrived: false }
    }
}

impl Drop for PendingResponse {
    fn drop(&mut self) {
        if self.arrived {
            self.connection.progress().record_last_response();
            return;
        }
        let connection = Arc::clone(&self.connection);
        tokio::spawn(async move {
            // Responses arrive in the order of their statements: this one after that of the abandoned one.
            let _: Result<(), _> = connection.client.check_connection().await;
            connection.progress().record_last_response();
        });
    }
}

/// Resolves when statements have been in flight for [`RESPONSE_TIMEOUT`] without a response to any of them.
async fn until_silent(progress: &Mutex<Progress>) {
    let mut checks = interval(CHECK_INTERVAL);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        checks.tick().await;
        if lock(progress).is_silent() {
            return;
        }
    }
}

fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}
