//! Whose turn it is to write to SQLite.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};
use tokio::time::timeout;

use super::error::{QueryError, StoreError};

/// How long a write waits for its turn: waiting one's turn is usual on SQLite.
pub(super) const WRITE_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// The one way to write to an SQLite file, by whichever connection: who has to wait comes when it is their
/// turn, where SQLite itself would let them try again and again.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteLock(Arc<Mutex<()>>);

impl WriteLock {
    /// Waits on a thread of its own.
    pub(super) fn lock_blocking(&self) -> MutexGuard<'_, ()> {
        self.0.blocking_lock()
    }

    pub(super) async fn pass(&self) -> Result<OwnedMutexGuard<()>, QueryError> {
        timeout(WRITE_LOCK_TIMEOUT, Arc::clone(&self.0).lock_owned())
            .await
            .map_err(|_| QueryError::unavailable("too much waits to be written"))
    }
}

/// What may be written with until it is dropped.
#[derive(Debug)]
pub(super) struct WriteGuard<T> {
    with: T,
    turn: Option<OwnedMutexGuard<()>>,
}

impl<'a> WriteGuard<&'a DatabaseConnection> {
    /// Waits for the turn, where there is a gate.
    pub(super) async fn new(
        with: &'a DatabaseConnection,
        gate: Option<&WriteLock>,
    ) -> Result<Self, QueryError> {
        let turn = match gate {
            Some(gate) => Some(gate.pass().await?),
            None => None,
        };
        Ok(Self { with, turn })
    }

    pub(super) async fn begin(
        self,
        options: TransactionOptions,
    ) -> Result<WriteGuard<DatabaseTransaction>, DbErr> {
        Ok(WriteGuard { with: self.with.begin_with_options(options).await?, turn: self.turn })
    }
}

impl WriteGuard<DatabaseTransaction> {
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.with.commit().await?)
    }

    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.with.rollback().await?)
    }
}

impl Deref for WriteGuard<&DatabaseConnection> {
    type Target = DatabaseConnection;

    fn deref(&self) -> &DatabaseConnection {
        self.with
    }
}

impl Deref for WriteGuard<DatabaseTransaction> {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.with
    }
}
