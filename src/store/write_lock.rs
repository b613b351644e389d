//! The lock that serialises writes to SQLite.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};
use tokio::time::timeout;

use super::error::{QueryError, StoreError};

/// How long a write waits for the lock. Waiting is normal on SQLite, which has one writer at a time.
pub(super) const WRITE_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Serialises SQLite writers across connections, first come first served. SQLite's busy handler would
/// poll instead.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteLock(Arc<Mutex<()>>);

impl WriteLock {
    /// Blocks the current thread until the lock is free. For the writer thread.
    pub(super) fn lock_blocking(&self) -> MutexGuard<'_, ()> {
        self.0.blocking_lock()
    }

    pub(super) async fn lock(&self) -> Result<OwnedMutexGuard<()>, QueryError> {
        timeout(WRITE_LOCK_TIMEOUT, Arc::clone(&self.0).lock_owned())
            .await
            .map_err(|_| QueryError::unavailable("timed out waiting for the write lock"))
    }
}

/// A connection or transaction that may write. Releases the write lock when dropped.
#[derive(Debug)]
pub(super) struct WriteGuard<T> {
    inner: T,
    lock: Option<OwnedMutexGuard<()>>,
}

impl<'a> WriteGuard<&'a DatabaseConnection> {
    /// Waits for the write lock, if there is one (SQLite).
    pub(super) async fn new(
        inner: &'a DatabaseConnection,
        write_lock: Option<&WriteLock>,
    ) -> Result<Self, QueryError> {
        let lock = match write_lock {
            Some(write_lock) => Some(write_lock.lock().await?),
            None => None,
        };
        Ok(Self { inner, lock })
    }

    pub(super) async fn begin(
        self,
        options: TransactionOptions,
    ) -> Result<WriteGuard<DatabaseTransaction>, DbErr> {
        Ok(WriteGuard { inner: self.inner.begin_with_options(options).await?, lock: self.lock })
    }
}

impl WriteGuard<DatabaseTransaction> {
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }

    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.inner.rollback().await?)
    }
}

impl Deref for WriteGuard<&DatabaseConnection> {
    type Target = DatabaseConnection;

    fn deref(&self) -> &DatabaseConnection {
        self.inner
    }
}

impl Deref for WriteGuard<DatabaseTransaction> {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}
