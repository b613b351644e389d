//! Scans on SQLite: statements whose time depends on the size of a library. They have connections and
//! threads of their own, and are interrupted at a deadline and when their result is no longer awaited.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use memchr::memmem::Finder;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{FromSqlError, ValueRef};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::{closed, connect, run};
use crate::store::db::row::RowReader;
use crate::store::db::sql::Sql;
use crate::store::error::QueryError;

/// The SQL function `contains(word, text, …)` of scan connections: whether one of the texts contains the word,
/// compared byte by byte; a text that is null does not. Its time grows with the sum of the lengths, that of `LIKE`
/// and `instr` with their product.
pub(in crate::store) const CONTAINS_FUNCTION: &str = "contains";

/// How many instructions of SQLite's virtual machine run between two checks whether to interrupt: some tens
/// of microseconds.
const INTERRUPT_CHECK_OPS: i32 = 1_000;

/// The connections for scans.
#[derive(Debug)]
pub(in crate::store::db) struct ScanPool {
    path: PathBuf,
    busy_timeout: Duration,
    /// Time for one scan to run.
    timeout: Duration,
    /// Idle connections; `None` once closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl ScanPool {
    pub(in crate::store::db) fn new(
        path: PathBuf,
        busy_timeout: Duration,
        timeout: Duration,
    ) -> Self {
        Self { path, busy_timeout, timeout, idle: Mutex::new(Some(Vec::new())) }
    }

    /// Returns the rows of a read-only statement, which runs on a thread for blocking work. If the future is
    /// dropped, the statement is interrupted. `permit` is dropped when the statement has ended.
    pub(in crate::store::db) async fn query<T: Send + 'static>(
        self: &Arc<Self>,
        permit: impl Send + 'static,
        sql: Sql,
        read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<Vec<T>, QueryError> {
        let (pool, deadline) = (Arc::clone(self), Instant::now() + self.timeout);
        let abandoned = CancellationToken::new();
        let _abandon = abandoned.clone().drop_guard();
        let interrupt = move || abandoned.is_cancelled() || Instant::now() >= deadline;
        let scan = spawn_blocking(move || {
            let _permit = permit;
            pool.query_blocking(&sql, interrupt, read_row)
        });
        scan.await.unwrap_or_else(|error| Err(QueryError::from_join(error)))
    }

    /// Closes the idle connections. Further scans are rejected.
    pub(in crate::store::db) fn close(&self) {
        // Taken first: closing the connections accesses the file, and scans need the mutex.
        let idle = self.idle().take();
        drop(idle);
    }

    fn query_blocking<T>(
        &self,
        sql: &Sql,
        interrupt: impl FnMut() -> bool + Send + 'static,
        read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let idle = self.idle().as_mut().ok_or_else(closed)?.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        connection.progress_handler(INTERRUPT_CHECK_OPS, Some(interrupt))?;
        let rows = run(&connection, sql, read_row);
        connection.progress_handler(0, None::<fn() -> bool>)?;
        if let Some(idle) = &mut *self.idle() {
            idle.push(connection);
        }
        rows
    }

    fn connect(&self) -> Result<Connection, rusqlite::Error> {
        let connection = connect(&self.path, self.busy_timeout)?;
        connection.pragma_update(None, "query_only", true)?;
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection.create_scalar_function(CONTAINS_FUNCTION, -1, flags, |arguments| {
            // SQLite keeps the value for all rows, because the word is a parameter of the statement.
            let word = arguments.get_or_create_aux(0, |word| {
                Ok::<_, FromSqlError>(Finder::new(word.as_bytes()?).into_owned())
            })?;
            for text in (1..arguments.len()).map(|index| arguments.get_raw(index)) {
                if text != ValueRef::Null && word.find(text.as_bytes()?).is_some() {
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use sea_orm::DbBackend;
    use tempfile::TempDir;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::store::db::row::FromRow;

    /// Reads numbers without an end.
    const ENDLESS: &str = "WITH RECURSIVE numbers (number) AS
        (SELECT 1 UNION ALL SELECT number + 1 FROM numbers) SELECT max(number) FROM numbers";

    fn pool(timeout: Duration) -> (TempDir, Arc<ScanPool>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("test.db");
        Connection::open(&path).expect("a file").execute_batch("CREATE TABLE a (b)").expect("DDL");
        (folder, Arc::new(ScanPool::new(path, Duration::ZERO, timeout)))
    }

    fn sql(text: &'static str) -> Sql {
        let mut sql = Sql::new(DbBackend::Sqlite);
        sql.push(text);
        sql
    }

    async fn contains(pool: &Arc<ScanPool>, text: Option<&str>, word: &str) -> bool {
        let mut sql = sql("SELECT contains(");
        sql.bind(word).push(", NULL, ").bind(text.map(str::to_owned)).push(", 'moby')");
        pool.query((), sql, bool::from_row).await.expect("a row")[0]
    }

    #[tokio::test]
    async fn a_scan_is_interrupted_at_its_deadline() {
        let (_folder, pool) = pool(Duration::from_millis(50));
        let interrupted = pool.query((), sql(ENDLESS), i64::from_row).await;
        let error = interrupted.expect_err("an interrupted scan").error;
        assert!(matches!(error, crate::store::StoreError::Unavailable(_)), "{error:?}");
        // The connection is used again, without the deadline of the statement before.
        assert_eq!(pool.query((), sql("SELECT 1"), i64::from_row).await.expect("a row"), [1]);
        assert_eq!(pool.idle().as_ref().map(Vec::len), Some(1));
    }

    #[tokio::test]
    async fn a_scan_is_interrupted_when_its_future_is_dropped() {
        let (_folder, pool) = pool(Duration::from_secs(3_600));
        let running = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&running).try_acquire_owned().expect("a permit");
        let scan = pool.query(permit, sql(ENDLESS), i64::from_row);
        {
            let mut scan = std::pin::pin!(scan);
            poll_fn(|context| Poll::Ready(scan.as_mut().poll(context).is_pending())).await;
            assert_eq!(running.available_permits(), 0, "the scan runs");
        }
        let released = tokio::time::timeout(Duration::from_secs(60), running.acquire()).await;
        drop(released.expect("the scan was interrupted").expect("a permit"));
        assert_eq!(pool.query((), sql("SELECT 1"), i64::from_row).await.expect("a row"), [1]);
    }

    #[tokio::test]
    async fn scans_cannot_write() {
        let (_folder, pool) = pool(Duration::from_secs(3_600));
        let written = pool.query((), sql("INSERT INTO a VALUES (1) RETURNING b"), i64::from_row);
        assert!(written.await.is_err());
    }

    #[tokio::test]
    async fn a_closed_pool_rejects_scans() {
        let (_folder, pool) = pool(Duration::from_secs(3_600));
        pool.query((), sql("SELECT 1"), i64::from_row).await.expect("a row");
        pool.close();
        assert!(pool.query((), sql("SELECT 1"), i64::from_row).await.is_err());
    }

    #[tokio::test]
    async fn contains_compares_bytes() {
        let (_folder, pool) = pool(Duration::from_secs(3_600));
        for (text, word, expected) in [
            (Some("moby dick"), "dick", true),
            (None, "moby", true),
            (Some("moby dick"), "Dick", false),
            (Some("100%"), "%", true),
            (Some("100"), "%", false),
            (Some("крыжовник"), "жов", true),
            (Some("a"), "", true),
            (None, "a", false),
        ] {
            assert_eq!(contains(&pool, text, word).await, expected, "{text:?} {word:?}");
        }
    }
}
