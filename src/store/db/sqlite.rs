//! SQLite: reads run on the calling thread, since a page takes a few microseconds and a switch to another
//! thread would take as long again. One writer thread commits waiting writes as a group (group commit).

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::row::{FromRow, RowReader};
use super::sql::{BatchStatement, Sql};
use super::write_lock::{WRITE_LOCK_TIMEOUT, WriteLock};
use crate::store::error::QueryError;

mod bind;
mod connect;
mod run;
pub(super) mod scan;

use connect::connect;
pub(super) use connect::initialize;
use run::{run, run_batch};

/// How many writes may wait in the queue.
const QUEUE_CAPACITY: usize = 1_024;

/// Maximum number of writes in one group commit, so that other writers get the write lock in between.
const MAX_BATCH: usize = 128;

/// After this time without a write, the journal is copied into the database file, so that a copy of the file
/// alone is recent.
const CHECKPOINT_AFTER_IDLE: Duration = Duration::from_secs(10);

/// How often the journal is emptied. It would otherwise keep the size of its busiest time.
const TRUNCATE_INTERVAL: Duration = Duration::from_secs(3_600);

/// The connections to a file.
#[derive(Debug)]
pub(super) struct Sqlite {
    path: PathBuf,
    busy_timeout: Duration,
    /// Idle read connections; there are never more than threads that read. `None` once closed.
    readers: Mutex<Option<Vec<Connection>>>,
    writer: Mutex<Option<Writer>>,
}

/// The queue of the writer thread, and the thread.
#[derive(Debug)]
struct Writer {
    jobs: SyncSender<WriteJob>,
    thread: JoinHandle<()>,
}

/// A queued write. Receives the open transaction or the error that prevented it, and returns a callback
/// that is called with the result of `COMMIT`.
type WriteJob = Box<dyn FnOnce(Result<&Connection, QueryError>) -> OnCommit + Send>;
type OnCommit = Box<dyn FnOnce(Result<(), QueryError>) + Send>;

impl Sqlite {
    /// Opens an existing database file.
    pub(super) fn open(
        path: &Path,
        busy_timeout: Duration,
        write_lock: WriteLock,
    ) -> anyhow::Result<Self> {
        let writer = connect(path, busy_timeout)?;
        let (jobs, inbox) = sync_channel(QUEUE_CAPACITY);
        let write = move || run_writer(&writer, &inbox, &write_lock);
        let thread = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(write)?;
        Ok(Self {
            path: path.to_owned(),
            busy_timeout,
            readers: Mutex::new(Some(Vec::new())),
            writer: Mutex::new(Some(Writer { jobs, thread })),
        })
    }

    /// Runs the queued writes and closes the write connection and all idle read connections. Further
    /// statements are rejected. Blocks the thread.
    pub(super) fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Writer { jobs, thread }) = writer {
            // The thread ends when the queue is empty and has no sender.
            drop(jobs);
            if thread.join().is_err() {
                tracing::error!("the thread sqlite-writer panicked");
            }
        }
        // Taken first: closing the connections accesses the file, and readers need the mutex.
        let idle = self.readers().take();
        drop(idle);
    }

    /// Copies the journal into the database file and removes it. To be called when all other connections of
    /// this process are closed. False if another process reads the file: then the journal stays.
    pub(super) fn remove_journal(&self) -> Result<bool, rusqlite::Error> {
        // SQLite removes the journal when the last connection is closed.
        checkpoint(&connect(&self.path, self.busy_timeout)?, "TRUNCATE")
    }

    pub(super) fn read<T>(
        &self,
        sql: &Sql,
        read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let idle = self.readers().as_mut().ok_or_else(closed)?.pop();
        let reader = match idle {
            Some(reader) => reader,
            None => {
                let reader = connect(&self.path, self.busy_timeout)?;
                reader.pragma_update(None, "query_only", true)?;
                reader
            }
        };
        let rows = run(&reader, sql, read_row);
        if let Some(idle) = &mut *self.readers() {
            idle.push(reader);
        }
        rows
    }

    pub(super) async fn write<T: FromRow>(&self, sql: Sql) -> Result<Vec<T>, QueryError> {
        self.enqueue(move |connection| run(connection, &sql, T::from_row)).await
    }

    /// Runs all of these statements or none; see [`run_batch`].
    pub(super) async fn write_batch(
        &self,
        statements: Vec<BatchStatement>,
    ) -> Result<bool, QueryError> {
        self.enqueue(move |connection| run_batch(connection, &statements)).await
    }

    /// Runs `write` inside a transaction of the writer thread. When this returns, it is committed.
    async fn enqueue<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let (sender, receiver) = oneshot::channel();
        let deadline = Instant::now() + WRITE_LOCK_TIMEOUT;
        let job: WriteJob = Box::new(move |transaction| {
            let result = transaction.and_then(|connection| {
                // A write whose deadline has passed is not started.
                if Instant::now() < deadline { write(connection) } else { Err(busy()) }
            });
            Box::new(move |committed| {
                // Never return the result of a transaction that was rolled back.
                let _ = sender.send(committed.and(result));
            })
        });
        self.jobs().ok_or_else(closed)?.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => busy(),
        })?;
        receiver.await.unwrap_or_else(|_| Err(busy()))
    }

    fn readers(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jobs(&self) -> Option<SyncSender<WriteJob>> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.as_ref().map(|writer| writer.jobs.clone())
    }
}

/// Commits queued writes until the sending half of the queue is dropped, and checkpoints the journal.
fn run_writer(connection: &Connection, inbox: &Receiver<WriteJob>, write_lock: &WriteLock) {
    let mut truncated_at = Instant::now();
    loop {
        match inbox.recv_timeout(CHECKPOINT_AFTER_IDLE) {
            Ok(first) => {
                let _lock = write_lock.lock_blocking();
                let jobs = std::iter::once(first).chain(inbox.try_iter()).take(MAX_BATCH);
                commit_batch(connection, jobs);
            }
            Err(RecvTimeoutError::Timeout) => report(checkpoint(connection, "PASSIVE")),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if truncated_at.elapsed() >= TRUNCATE_INTERVAL {
            let _lock = write_lock.lock_blocking();
            report(checkpoint(connection, "TRUNCATE"));
            truncated_at = Instant::now();
        }
    }
}

/// Copies the journal into the database file (SQLite, `PRAGMA wal_checkpoint`). `PASSIVE` does not wait
/// and may copy only a part; `TRUNCATE` also empties the journal. False if another connection prevented that.
fn checkpoint(connection: &Connection, mode: &str) -> Result<bool, rusqlite::Error> {
    let mut done = true;
    connection.pragma(None, "wal_checkpoint", mode, |row| {
        done = row.get::<_, i64>(0)? == 0;
        Ok(())
    })?;
    Ok(done)
}

/// Logs a failure. That another connection reads the journal is none: the next time is soon enough.
fn report(checkpointed: Result<bool, rusqlite::Error>) {
    if let Err(error) = checkpointed {
        tracing::warn!(%error, "copying the journal into the database file failed, will retry");
    }
}

/// Commits several writes in one transaction, which syncs the disk once. A failed statement undoes only
/// itself, unless it ends the transaction: then the writes before it are rolled back too.
fn commit_batch(connection: &Connection, jobs: impl Iterator<Item = WriteJob>) {
    let begin = || connection.execute_batch("BEGIN IMMEDIATE").map_err(QueryError::from);
    let mut transaction = begin();
    let mut uncommitted: Vec<OnCommit> = Vec::new();
    for job in jobs {
        uncommitted.push(job(transaction.clone().map(|()| connection)));
        if transaction.is_ok() && connection.is_autocommit() {
            complete_all(&mut uncommitted, &Err(rolled_back()));
            transaction = begin();
        }
    }
    let committed = transaction.and_then(|()| {
        let committed = connection.execute_batch("COMMIT").map_err(QueryError::from);
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        committed
    });
    complete_all(&mut uncommitted, &committed);
}

fn complete_all(uncommitted: &mut Vec<OnCommit>, committed: &Result<(), QueryError>) {
    for complete in uncommitted.drain(..) {
        complete(committed.clone());
    }
}

fn busy() -> QueryError {
    QueryError::unavailable("too many writes are waiting")
}

fn closed() -> QueryError {
    QueryError::unavailable("the server is shutting down")
}

fn rolled_back() -> QueryError {
    QueryError::unavailable("rolled back because another write of the same group failed")
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use sea_orm::DbBackend;
    use tempfile::TempDir;

    use super::*;

    fn sql(text: &'static str) -> Sql {
        let mut sql = Sql::new(DbBackend::Sqlite);
        sql.push(text);
        sql
    }

    fn insert(number: i64) -> Sql {
        let mut insert = sql("INSERT INTO numbers VALUES (");
        insert.bind(number).push(") RETURNING number");
        insert
    }

    fn numbers(sqlite: &Sqlite) -> Vec<i64> {
        let all = sql("SELECT number FROM numbers ORDER BY number");
        sqlite.read(&all, i64::from_row).expect("numbers")
    }

    fn open(busy_timeout: Duration) -> (TempDir, Sqlite, WriteLock) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("test.db");
        let setup = Connection::open(&path).expect("a file");
        setup
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE numbers (number PRIMARY KEY)")
            .expect("a table");
        let write_lock = WriteLock::default();
        let sqlite = Sqlite::open(&path, busy_timeout, write_lock.clone()).expect("connections");
        (folder, sqlite, write_lock)
    }

    /// Queues all of these writes while the write lock is held, so that they form one group.
    async fn write_at_once(
        sqlite: &Sqlite,
        write_lock: &WriteLock,
        writes: Vec<Sql>,
    ) -> Vec<Result<Vec<i64>, QueryError>> {
        let lock = write_lock.lock().await.expect("the write lock");
        let writes = writes.into_iter().map(|write| sqlite.write::<i64>(write));
        // Polling each write once puts all of them into the queue.
        let mut writes = std::pin::pin!(join_all(writes));
        assert!(futures_util::poll!(&mut writes).is_pending());
        drop(lock);
        writes.await
    }

    #[tokio::test]
    async fn a_failed_write_does_not_roll_back_other_writes() {
        let (_folder, sqlite, write_lock) = open(Duration::ZERO);
        let writes = [1, 2, 2, 3].map(insert).to_vec();
        let written = write_at_once(&sqlite, &write_lock, writes).await;
        let done: Vec<_> = written.iter().map(Result::is_ok).collect();
        assert_eq!(done, [true, true, false, true]);
        assert_eq!(numbers(&sqlite), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_write_rolled_back_by_another_write_is_an_error() {
        let (_folder, sqlite, write_lock) = open(Duration::ZERO);
        let writes = vec![insert(1), sql("ROLLBACK"), insert(2)];
        let written = write_at_once(&sqlite, &write_lock, writes).await;
        assert!(written[0].is_err(), "rolled back");
        assert!(written[2].is_ok());
        assert_eq!(numbers(&sqlite), [2]);
    }

    #[tokio::test]
    async fn writes_are_rejected_while_another_process_locks_the_file() {
        let (folder, sqlite, write_lock) = open(Duration::ZERO);
        let other = Connection::open(folder.path().join("test.db")).expect("a connection");
        other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        let written = write_at_once(&sqlite, &write_lock, vec![insert(1), insert(2)]).await;
        assert!(written.iter().all(Result::is_err));
        assert_eq!(numbers(&sqlite), [0; 0], "readers do not wait for it");
        other.execute_batch("COMMIT").expect("a commit");
        sqlite.write::<i64>(insert(3)).await.expect("a write");
        assert_eq!(numbers(&sqlite), [3]);
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let (_folder, sqlite, _) = open(Duration::ZERO);
        assert!(sqlite.read(&insert(1), i64::from_row).is_err());
        assert_eq!(numbers(&sqlite), [0; 0]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn closing_runs_the_queued_writes_and_rejects_further_statements() {
        let (folder, sqlite, write_lock) = open(Duration::ZERO);
        let sqlite = std::sync::Arc::new(sqlite);
        let reader = Connection::open(folder.path().join("test.db")).expect("a connection");
        reader.execute_batch("BEGIN; SELECT count(*) FROM numbers").expect("a reader");
        let lock = write_lock.lock().await.expect("the write lock");
        let writes = [1, 2, 3].map(|number| sqlite.write::<i64>(insert(number)));
        let mut writes = std::pin::pin!(join_all(writes));
        assert!(futures_util::poll!(&mut writes).is_pending());
        let closing = {
            let sqlite = std::sync::Arc::clone(&sqlite);
            tokio::task::spawn_blocking(move || sqlite.close())
        };
        drop(lock);
        assert!(writes.await.iter().all(Result::is_ok));
        closing.await.expect("a closed database");
        assert!(sqlite.write::<i64>(insert(4)).await.is_err());
        assert!(sqlite.read(&sql("SELECT 1"), i64::from_row).is_err());

        let journal = folder.path().join("test.db-wal");
        assert!(!sqlite.remove_journal().expect("a checkpoint"), "another connection reads");
        assert!(journal.exists());
        drop(reader);
        assert!(sqlite.remove_journal().expect("a checkpoint"));
        assert!(!journal.exists());
    }
}
