//! The lock that servers share while they use a database, and that `migrate down` takes alone: it must not revert the
//! tables of a running server.
//!
//! On PostgreSQL it is an advisory lock of the connection that receives events, which is open for as long as the server
//! runs, and is opened again after an outage. On SQLite it is the lock of a file beside the database. SQLite's own file
//! cannot be used: closing it would release the locks that SQLite has on it (POSIX, `fcntl`).

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The key of the advisory lock ("serve" in ASCII).
pub(super) const ADVISORY_LOCK: i64 = 0x73_65_72_76_65;

/// What follows the name of the database in the name of the lock file.
const SUFFIX: &str = "-lock";

/// How long a server waits for the lock of a file. Another server has it alone for a moment when it stops.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How long to wait before a locked file is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// What a process uses the database for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It serves, and shares the lock.
    Server,
    /// It executes one command, without the lock.
    Command,
}

/// The lock is not available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LockedError {
    #[error(
        "`bookshelf migrate down` reverts migrations of it; start the server when that has ended"
    )]
    ByMigration,
    #[error("servers use this database; stop all of them before you revert migrations")]
    ByServers,
}

/// The lock of an SQLite database. Released when this is dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    path: PathBuf,
    held: Mutex<Option<File>>,
}

impl FileLock {
    /// The lock of an existing database, which is not taken yet.
    pub(super) fn new(database: &Path) -> io::Result<Self> {
        // SQLite follows links too, and names its journal after the file.
        let mut path = OsString::from(fs::canonicalize(database)?);
        path.push(SUFFIX);
        Ok(Self { path: path.into(), held: Mutex::default() })
    }

    /// Shares the lock with other servers. Blocks the thread for at most [`TIMEOUT`].
    pub(super) fn share(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        while !self.acquire(File::try_lock_shared)? {
            if Instant::now() > deadline {
                return Err(LockedError::ByMigration.into());
            }
            thread::sleep(RETRY_INTERVAL);
        }
        Ok(())
    }

    /// Takes the lock alone. Does not wait.
    pub(super) fn exclude_servers(&self) -> anyhow::Result<()> {
        match self.acquire(File::try_lock)? {
            true => Ok(()),
            false => Err(LockedError::ByServers.into()),
        }
    }

    /// Releases the lock. The last process removes the file.
    pub(super) fn release(&self) {
        if let Some(file) = self.held().take()
            && file.try_lock().is_ok()
        {
            // A file that stays does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Opens the file and locks it. False if another process prevents that.
    fn acquire(&self, lock: impl Fn(&File) -> Result<(), TryLockError>) -> io::Result<bool> {
        loop {
            let mut options = OpenOptions::new();
            let file = options.append(true).create(true).mode(0o600).open(&self.path)?;
            match lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(false),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Otherwise another process has removed it before it was locked.
            if self.is_current(&file)? {
                *self.held() = Some(file);
                return Ok(true);
            }
        }
    }

    /// Whether the path leads to this file.
    fn is_current(&self, file: &File) -> io::Result<bool> {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match fs::metadata(&self.path) {
            Ok(current) => Ok(identity(current) == identity(file.metadata()?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<File>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books.db");
        File::create(&path).expect("a file");
        (folder, path)
    }

    fn lock(database: &Path) -> FileLock {
        FileLock::new(database).expect("a database")
    }

    fn reason(result: anyhow::Result<()>) -> Option<LockedError> {
        result.err().map(|error| error.downcast().expect("a locked file"))
    }

    #[test]
    fn servers_share_the_lock_and_exclude_a_migration() {
        let (_folder, database) = database();
        let [first, second, migration] = [(); 3].map(|()| lock(&database));
        for server in [&first, &second] {
            server.share().expect("a shared lock");
        }
        assert_eq!(reason(migration.exclude_servers()), Some(LockedError::ByServers));
        first.release();
        assert_eq!(reason(migration.exclude_servers()), Some(LockedError::ByServers));
        drop(second);
        migration.exclude_servers().expect("the lock");
        assert_eq!(reason(first.share()), Some(LockedError::ByMigration));
        migration.release();
        first.share().expect("a shared lock");
    }

    #[test]
    fn the_last_process_removes_the_file() {
        let (folder, database) = database();
        let names = || {
            let names = fs::read_dir(folder.path()).expect("a folder").flatten();
            names.map(|entry| entry.file_name()).collect::<Vec<_>>()
        };
        let (first, second) = (lock(&database), lock(&database));
        first.share().expect("a shared lock");
        second.share().expect("a shared lock");
        assert_eq!(names().len(), 2);
        first.release();
        assert_eq!(names().len(), 2);
        second.release();
        assert_eq!(names(), ["books.db"]);
    }

    #[test]
    fn a_database_behind_a_link_has_the_same_lock() {
        let (folder, database) = database();
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(&database, &link).expect("a link");
        let server = lock(&database);
        server.share().expect("a shared lock");
        assert_eq!(reason(lock(&link).exclude_servers()), Some(LockedError::ByServers));
    }

    /// The file is removed again and again while others open and lock it.
    #[test]
    fn servers_that_start_and_stop_at_once_never_exclude_each_other() {
        let (_folder, database) = database();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let server = lock(&database);
                        server.share().expect("a shared lock");
                        let migration = lock(&database).exclude_servers();
                        assert_eq!(reason(migration), Some(LockedError::ByServers));
                    }
                });
            }
        });
    }
}
