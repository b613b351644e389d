//! SQLite: readers on the thread that asks, since a page costs some microseconds and a hop to another
//! thread as much again, and one writer, which commits together what waits together.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement, ToSql};
use sea_orm::Value;
use tokio::sync::oneshot;

use super::{BoundStatement, FromRow, Row};
use crate::store::CHECKPOINT_PAGES;
use crate::store::error::QueryError;
use crate::store::write_lock::{WRITE_LOCK_TIMEOUT, WriteLock};

/// How many writes may wait.
const QUEUE_CAPACITY: usize = 1_024;

/// How many writes are committed together at most, so that whoever else writes gets a turn.
const MAX_BATCH: usize = 128;

/// How many statements a connection keeps prepared: those that were used last.
const STATEMENT_CACHE_SIZE: usize = 256;

/// How much of the file is read through the system's own cache, in bytes.
const MMAP_BYTES: i64 = 256 << 20;

/// The connections to a file.
#[derive(Debug)]
pub(in crate::store) struct Sqlite {
    path: PathBuf,
    busy_timeout: Duration,
    /// Those that nobody reads with just now. There are never more than threads that read.
    readers: Mutex<Vec<Connection>>,
    writer: SyncSender<WriteJob>,
}

/// Runs a statement, or hears why there is no transaction to run it in, and gives what is to be done once
/// it is known whether that was committed.
type WriteJob = Box<dyn FnOnce(Result<&Connection, QueryError>) -> OnCommit + Send>;
type OnCommit = Box<dyn FnOnce(Result<(), QueryError>) + Send>;

impl Sqlite {
    /// For a file that is there.
    pub(in crate::store) fn open(
        path: &Path,
        busy_timeout: Duration,
        gate: WriteLock,
    ) -> anyhow::Result<Self> {
        let writer = connect(path, busy_timeout)?;
        let (jobs, inbox) = sync_channel(QUEUE_CAPACITY);
        let write = move || run_writer(&writer, &inbox, &gate);
        thread::Builder::new().name("sqlite-writer".to_owned()).spawn(write)?;
        Ok(Self { path: path.to_owned(), busy_timeout, readers: Mutex::default(), writer: jobs })
    }

    pub(super) fn read<T>(
        &self,
        sql: &BoundStatement,
        from_row: impl Fn(&Row<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let idle = self.readers().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => {
                let reader = connect(&self.path, self.busy_timeout)?;
                reader.pragma_update(None, "query_only", true)?;
                reader
            }
        };
        let rows = run(&reader, sql, from_row);
        self.readers().push(reader);
        rows
    }

    pub(super) async fn write<T: FromRow>(
        &self,
        sql: BoundStatement,
    ) -> Result<Vec<T>, QueryError> {
        let (reply, answer) = oneshot::channel();
        let too_late = Instant::now() + WRITE_LOCK_TIMEOUT;
        let job: WriteJob = Box::new(move |transaction| {
            let rows = transaction.and_then(|connection| {
                // What nobody waits for any more is not begun.
                if Instant::now() < too_late {
                    run(connection, &sql, T::from_row)
                } else {
                    Err(busy())
                }
            });
            Box::new(move |committed| {
                // What was found within a transaction that came to nothing is not so.
                let _ = reply.send(committed.and(rows));
            })
        });
        self.writer.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => busy(),
        })?;
        answer.await.unwrap_or_else(|_| Err(busy()))
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path, busy_timeout: Duration) -> Result<Connection, rusqlite::Error> {
    // Each is used by one thread at a time.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "mmap_size", MMAP_BYTES)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // A plan is made once: SQLite would look at each new LIMIT, and plan anew.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE_SIZE);
    Ok(connection)
}

fn run<T>(
    connection: &Connection,
    sql: &BoundStatement,
    from_row: impl Fn(&Row<'_>) -> Result<T, QueryError>,
) -> Result<Vec<T>, QueryError> {
    let mut statement = connection.prepare_cached(&sql.text)?;
    bind(&mut statement, &sql.values)?;
    let mut found = statement.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(from_row(&Row::Sqlite(row))?);
    }
    Ok(rows)
}

fn bind(statement: &mut Statement<'_>, values: &[Value]) -> Result<(), rusqlite::Error> {
    values
        .iter()
        .enumerate()
        .try_for_each(|(index, value)| statement.raw_bind_parameter(index + 1, Parameter(value)))
}

/// A value, as SQLite keeps it.
struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, rusqlite::Error> {
        fn integer<T: Copy + Into<i64>>(value: &Option<T>) -> ToSqlOutput<'static> {
            ToSqlOutput::Borrowed(value.map_or(ValueRef::Null, |it| ValueRef::Integer(it.into())))
        }
        Ok(match self.0 {
            Value::Bool(value) => integer(value),
            Value::SmallInt(value) => integer(value),
            Value::Int(value) => integer(value),
            Value::BigInt(value) => integer(value),
            Value::BigUnsigned(value) => integer(&value.map(u64::cast_signed)),
            Value::String(value) => {
                let text =
                    value.as_deref().map_or(ValueRef::Null, |it| ValueRef::Text(it.as_bytes()));
                ToSqlOutput::Borrowed(text)
            }
            Value::Uuid(value) => {
                let bytes =
                    value.as_ref().map_or(ValueRef::Null, |it| ValueRef::Blob(it.as_bytes()));
                ToSqlOutput::Borrowed(bytes)
            }
            other => {
                let wrong = format!("no column of ours takes {other:?}");
                return Err(rusqlite::Error::ToSqlConversionFailure(wrong.into()));
            }
        })
    }
}

/// Writes what comes until nobody is there to send any more.
fn run_writer(connection: &Connection, inbox: &Receiver<WriteJob>, gate: &WriteLock) {
    while let Ok(first) = inbox.recv() {
        let _turn = gate.lock_blocking();
        commit_batch(connection, std::iter::once(first).chain(inbox.try_iter()).take(MAX_BATCH));
    }
}

/// Commits some writes together, so that the disk is waited for once. A statement that fails undoes itself
/// alone, unless it ends the transaction: then what was done before it is undone too.
fn commit_batch(connection: &Connection, jobs: impl Iterator<Item = WriteJob>) {
    let begin = || connection.execute_batch("BEGIN IMMEDIATE").map_err(QueryError::from);
    let mut transaction = begin();
    let mut unsettled: Vec<OnCommit> = Vec::new();
    for job in jobs {
        unsettled.push(job(transaction.clone().map(|()| connection)));
        if transaction.is_ok() && connection.is_autocommit() {
            complete_all(&mut unsettled, &Err(rolled_back()));
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
    complete_all(&mut unsettled, &committed);
}

fn complete_all(unsettled: &mut Vec<OnCommit>, committed: &Result<(), QueryError>) {
    for complete in unsettled.drain(..) {
        complete(committed.clone());
    }
}

fn busy() -> QueryError {
    QueryError::unavailable("the write queue is full")
}

fn rolled_back() -> QueryError {
    QueryError::unavailable("rolled back with another statement of the batch")
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tempfile::TempDir;

    use super::*;

    struct Number(i64);

    impl FromRow for Number {
        fn from_row(row: &Row<'_>) -> Result<Self, QueryError> {
            row.get(0).map(Self)
        }
    }

    fn sql(text: &str, values: Vec<Value>) -> BoundStatement {
        BoundStatement { text: text.into(), values }
    }

    fn insert(number: i64) -> BoundStatement {
        sql("INSERT INTO numbers VALUES (?) RETURNING number", vec![number.into()])
    }

    fn numbers(sqlite: &Sqlite) -> Vec<i64> {
        let all = sql("SELECT number FROM numbers ORDER BY number", Vec::new());
        sqlite.read(&all, Number::from_row).expect("numbers").into_iter().map(|it| it.0).collect()
    }

    fn open(busy_timeout: Duration) -> (TempDir, Sqlite, WriteLock) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("test.db");
        let setup = Connection::open(&path).expect("a file");
        setup
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE numbers (number PRIMARY KEY)")
            .expect("a table");
        let gate = WriteLock::default();
        let sqlite = Sqlite::open(&path, busy_timeout, gate.clone()).expect("connections");
        (folder, sqlite, gate)
    }

    /// Lets these writes wait until all of them do, and then go together.
    async fn write_at_once(
        sqlite: &Sqlite,
        gate: &WriteLock,
        writes: Vec<BoundStatement>,
    ) -> Vec<Result<Vec<Number>, QueryError>> {
        let turn = gate.pass().await.expect("a turn");
        let writes = writes.into_iter().map(|it| sqlite.write::<Number>(it));
        // All are in the queue once each has been looked at.
        let mut writes = std::pin::pin!(join_all(writes));
        assert!(futures_util::poll!(&mut writes).is_pending());
        drop(turn);
        writes.await
    }

    #[tokio::test]
    async fn a_write_that_fails_undoes_nothing_but_itself() {
        let (_folder, sqlite, gate) = open(Duration::ZERO);
        let writes = [1, 2, 2, 3].map(insert).to_vec();
        let written = write_at_once(&sqlite, &gate, writes).await;
        let done: Vec<_> = written.iter().map(Result::is_ok).collect();
        assert_eq!(done, [true, true, false, true]);
        assert_eq!(numbers(&sqlite), [1, 2, 3]);
    }

    #[tokio::test]
    async fn what_was_undone_with_another_write_is_not_said_to_be_done() {
        let (_folder, sqlite, gate) = open(Duration::ZERO);
        let writes = vec![insert(1), sql("ROLLBACK", Vec::new()), insert(2)];
        let written = write_at_once(&sqlite, &gate, writes).await;
        assert!(written[0].is_err(), "it is not there");
        assert!(written[2].is_ok());
        assert_eq!(numbers(&sqlite), [2]);
    }

    #[tokio::test]
    async fn writes_are_refused_while_another_process_keeps_the_file_to_itself() {
        let (folder, sqlite, gate) = open(Duration::ZERO);
        let other = Connection::open(folder.path().join("test.db")).expect("a connection");
        other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        let written = write_at_once(&sqlite, &gate, vec![insert(1), insert(2)]).await;
        assert!(written.iter().all(Result::is_err));
        assert_eq!(numbers(&sqlite), [0; 0], "readers do not wait for it");
        other.execute_batch("COMMIT").expect("an end");
        sqlite.write::<Number>(insert(3)).await.expect("a write");
        assert_eq!(numbers(&sqlite), [3]);
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let (_folder, sqlite, _) = open(Duration::ZERO);
        assert!(sqlite.read(&insert(1), Number::from_row).is_err());
        assert_eq!(numbers(&sqlite), [0; 0]);
    }
}
