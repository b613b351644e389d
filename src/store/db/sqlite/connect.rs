//! Opens connections to an SQLite file.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::db::options::{CHECKPOINT_PAGES, PAGE_BYTES};

/// Number of prepared statements per connection. The least recently used ones are evicted.
const STATEMENT_CACHE_SIZE: usize = 256;

/// How much of the file is memory-mapped and so read from the operating system's cache, in bytes.
const MMAP_BYTES: i64 = 256 << 20;

/// How long to wait before an attempt to initialize a locked file is repeated.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// Sets the page size and the journal mode of a new file. Blocks the thread.
///
/// Several processes may do this at once. SQLite reads the file before it changes the mode, and it never waits
/// for the write lock while it has the read lock, whatever the busy timeout says.
pub(in crate::store::db) fn initialize(
    path: &Path,
    busy_timeout: Duration,
) -> Result<(), rusqlite::Error> {
    let deadline = Instant::now() + busy_timeout;
    loop {
        match set_journal_mode(path, busy_timeout) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                thread::sleep(RETRY_INTERVAL);
            }
            result => return result,
        }
    }
}

fn set_journal_mode(path: &Path, busy_timeout: Duration) -> Result<(), rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(busy_timeout)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "WAL")
}

pub(super) fn connect(path: &Path, busy_timeout: Duration) -> Result<Connection, rusqlite::Error> {
    // No mutex: only one thread at a time uses a connection.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "mmap_size", MMAP_BYTES)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // Plan each statement once. Otherwise SQLite would plan it again for each new value of LIMIT.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE_SIZE);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_another_process_reads_is_initialized_when_that_has_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new.db");
        let other = Connection::open(&path).expect("a file");
        other.execute_batch("CREATE TABLE t (n); BEGIN; SELECT * FROM t").expect("a read lock");
        let locked = initialize(&path, Duration::ZERO).expect_err("locked");
        assert_eq!(locked.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));

        let file = path.clone();
        let waiting = thread::spawn(move || initialize(&file, Duration::from_secs(60)));
        thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished());
        other.execute_batch("COMMIT").expect("a released lock");
        waiting.join().expect("no panic").expect("a file in WAL mode");
        let new = Connection::open(&path).expect("a file");
        let mode = new.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
        assert_eq!(mode.as_deref(), Ok("wal"));
    }
}
