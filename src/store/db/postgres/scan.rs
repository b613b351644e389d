//! Scans on PostgreSQL: statements whose time depends on the size of a library. They have connections of their own,
//! one for each scan that runs, and are cancelled when their result is no longer awaited.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Connection, OPEN_TIMEOUT};
use super::session;
use crate::store::connector::Connector;
use crate::store::db::row::RowReader;
use crate::store::db::sql::Sql;
use crate::store::error::QueryError;
use crate::store::last_outage::LastOutage;

/// Maximum time to cancel a statement.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(3);

const OWN_PROCESS: &str = "SELECT pid, extract(epoch FROM backend_start)::text FROM pg_catalog.pg_stat_activity \
                           WHERE pid = pg_catalog.pg_backend_pid()";

const CANCEL: &str = "SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity \
                      WHERE pid = $1 AND extract(epoch FROM backend_start)::text = $2";

/// The connections for scans: one for each that runs, and for a moment those of cancelled ones.
#[derive(Debug)]
pub(in crate::store::db) struct ScanPool {
    connector: Connector,
    /// Executed on each new connection.
    settings: String,
    outage: Arc<LastOutage>,
    /// Idle connections; `None` once closed.
    idle: Mutex<Option<Vec<ScanConnection>>>,
    /// One task for each scan and for each connection.
    tasks: TaskTracker,
}

#[derive(Debug)]
struct ScanConnection {
    connection: Arc<Connection>,
    process: Process,
}

/// The process of the database that runs the statements of a connection. Another server, or a later process, may have
/// the same id.
#[derive(Debug)]
struct Process {
    id: i32,
    /// In seconds since the Unix epoch, as the database writes it.
    started: String,
}

impl ScanPool {
    pub(in crate::store::db) fn new(connector: Connector, outage: Arc<LastOutage>) -> Self {
        let settings = session::scan_settings(connector.target());
        let idle = Mutex::new(Some(Vec::new()));
        Self { connector, settings, outage, idle, tasks: TaskTracker::new() }
    }

    /// Returns the rows of a read-only statement. If the future is dropped, the statement is cancelled. `permit` is
    /// dropped when the statement has ended.
    pub(in crate::store::db) async fn query<T: Send + 'static>(
        self: &Arc<Self>,
        permit: impl Send + 'static,
        sql: Sql,
        read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<Vec<T>, QueryError> {
        let pool = Arc::clone(self);
        let abandoned = CancellationToken::new();
        let _abandon = abandoned.clone().drop_guard();
        // A separate task: the statement is awaited whether or not the caller waits.
        let scan = self.tasks.spawn(async move {
            let _permit = permit;
            pool.run(&sql, read_row, &abandoned).await
        });
        scan.await.unwrap_or_else(|error| Err(QueryError::from_join(error)))
    }

    /// Closes the connections when their scans have ended. Further scans are rejected.
    pub(in crate::store::db) async fn close(&self) {
        let idle = self.idle().take();
        drop(idle);
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Runs a statement on an idle connection or a new one. Retries it once if the idle connection was lost.
    async fn run<T>(
        &self,
        sql: &Sql,
        mut read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
        abandoned: &CancellationToken,
    ) -> Result<Vec<T>, QueryError> {
        if let Some(idle) = self.take_idle()? {
            let connection = Arc::clone(&idle.connection);
            let rows = self.run_on(idle, sql, &mut read_row, abandoned).await;
            if rows.is_ok() || !connection.is_closed() || abandoned.is_cancelled() {
                return rows;
            }
        }
        let opened = match timeout(OPEN_TIMEOUT, self.open()).await {
            Ok(opened) => opened?,
            Err(_) => return Err(QueryError::unavailable("opening a connection timed out")),
        };
        self.run_on(opened, sql, &mut read_row, abandoned).await
    }

    async fn open(&self) -> Result<ScanConnection, QueryError> {
        let open = Connection::open(&self.connector, &self.settings, &self.outage, &self.tasks);
        let connection = open.await?;
        let row = connection.client().query_one(OWN_PROCESS, &[]).await?;
        let process = Process { id: row.try_get(0)?, started: row.try_get(1)? };
        Ok(ScanConnection { connection: Arc::new(connection), process })
    }

    async fn run_on<T>(
        &self,
        on: ScanConnection,
        sql: &Sql,
        read_row: &mut impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
        abandoned: &CancellationToken,
    ) -> Result<Vec<T>, QueryError> {
        if abandoned.is_cancelled() {
            return Err(QueryError::unavailable("the result is not awaited any more"));
        }
        let mut rows = pin!(Arc::clone(&on.connection).query(sql, read_row));
        let failed = tokio::select! {
            rows = &mut rows => match rows {
                Ok(rows) => {
                    self.put_back(on);
                    return Ok(rows);
                }
                Err(error) if on.connection.is_closed() => return Err(error),
                // A row may have been rejected while the statement runs.
                Err(error) => Some(error),
            },
            () = abandoned.cancelled() => None,
        };
        match timeout(CANCEL_TIMEOUT, self.cancel(&on.process)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "an abandoned statement was not cancelled"),
            Err(_) => tracing::debug!("cancelling an abandoned statement timed out"),
        }
        // The connection is not used again: the database may receive the signal late, when it would cancel the next
        // statement.
        match failed {
            Some(error) => Err(error),
            None => rows.await,
        }
    }

    /// Cancels the statement that a process of the database runs, over another connection: PgBouncer drops a cancel
    /// request of the protocol if its client does not wait, as that of tokio-postgres.
    async fn cancel(&self, process: &Process) -> anyhow::Result<()> {
        let name = self.connector.application_name();
        let (client, connection) = self.connector.connect(name, "").await?;
        self.tasks.spawn(connection);
        client.execute(CANCEL, &[&process.id, &process.started]).await?;
        Ok(())
    }

    /// An idle connection that is usable, if any.
    fn take_idle(&self) -> Result<Option<ScanConnection>, QueryError> {
        let mut idle = self.idle();
        let idle =
            idle.as_mut().ok_or_else(|| QueryError::unavailable("the server is shutting down"))?;
        idle.retain(|idle| idle.connection.is_usable());
        Ok(idle.pop())
    }

    fn put_back(&self, open: ScanConnection) {
        if let Some(idle) = &mut *self.idle()
            && open.connection.is_usable()
        {
            idle.push(open);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<ScanConnection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
