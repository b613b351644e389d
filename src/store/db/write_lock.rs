//! The lock that serialises writes to SQLite.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, TransactionOptions};
use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};
use tokio::time::timeout;

use super::lease::Lease;
use crate::store::error::{QueryError, StoreError};

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
pub(in crate::store) struct WriteGuard<C> {
    inner: Lease<C>,
    lock: Option<OwnedMutexGuard<()>>,
}

impl WriteGuard<DatabaseConnection> {
    /// Waits for the write lock, if there is one (SQLite).
    pub(super) async fn new(
        inner: Lease<DatabaseConnection>,
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
        Ok(WriteGuard { inner: self.inner.begin(options).await?, lock: self.lock })
    }
}

impl WriteGuard<DatabaseTransaction> {
    pub(in crate::store) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }

    pub(in crate::store) async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.inner.rollback().await?)
    }
}

impl<C> Deref for WriteGuard<C> {
    type Target = Lease<C>;

    fn deref(&self) -> &Lease<C> {
        &self.inner
    }
}
