//! How many scans run at once: for one account, and for all accounts together. A scan is a statement whose time
//! depends on the size of a library.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::error::{QueryError, StoreError};
use crate::id::UserId;

/// How long a scan waits while other accounts use all connections for scans.
const WAIT_TIMEOUT: Duration = Duration::from_secs(3);

/// Limits how many scans run at once.
#[derive(Clone, Debug)]
pub(crate) struct Scans(Arc<Limits>);

#[derive(Debug)]
struct Limits {
    /// Of one account: operations that scan at once, and scans that run at once.
    per_account: usize,
    /// Accounts that scan.
    accounts: Mutex<HashMap<UserId, Account>>,
    /// One permit for each connection.
    connections: Arc<Semaphore>,
}

/// An account that scans.
#[derive(Debug)]
struct Account {
    operations: usize,
    running: Arc<Semaphore>,
}

impl Scans {
    /// `connections` is the number of connections for scans.
    pub(super) fn new(connections: u32, per_account: usize) -> Self {
        let connections = Arc::new(Semaphore::new(connections as usize));
        Self(Arc::new(Limits { per_account, accounts: Mutex::default(), connections }))
    }

    /// The scans of a new operation.
    pub(crate) fn for_operation(&self) -> OperationScans {
        OperationScans { scans: self.clone(), admission: Mutex::default() }
    }

    fn admit(&self, account: UserId) -> Result<Arc<Admission>, StoreError> {
        let per_account = self.0.per_account;
        let mut accounts = self.0.accounts();
        let entry = accounts.entry(account).or_insert_with(|| Account {
            operations: 0,
            running: Arc::new(Semaphore::new(per_account)),
        });
        if entry.operations >= per_account {
            return Err(StoreError::TooManyScans);
        }
        entry.operations += 1;
        let running = Arc::clone(&entry.running);
        Ok(Arc::new(Admission { limits: Arc::clone(&self.0), account, running }))
    }
}

impl Limits {
    fn accounts(&self) -> MutexGuard<'_, HashMap<UserId, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The scans of one operation. While some of them run or wait, the operation counts once for its account.
#[derive(Debug)]
pub(crate) struct OperationScans {
    scans: Scans,
    admission: Mutex<Weak<Admission>>,
}

impl OperationScans {
    /// Waits for the permission to run a scan in the library of this account.
    ///
    /// # Errors
    /// [`StoreError::TooManyScans`], at once, if too many other operations of the account scan;
    /// [`StoreError::Unavailable`] if other accounts use all connections.
    pub(super) async fn permit(&self, account: UserId) -> Result<ScanPermit, QueryError> {
        let admission = self.admission(account)?;
        // Ends at the latest with the operation. Only admitted operations of the account are ahead.
        let running = acquire(&admission.running).await?;
        let connection = timeout(WAIT_TIMEOUT, acquire(&self.scans.0.connections))
            .await
            .map_err(|_| QueryError::unavailable("all connections for scans are in use"))??;
        Ok(ScanPermit { _running: running, _connection: connection, _admission: admission })
    }

    fn admission(&self, account: UserId) -> Result<Arc<Admission>, StoreError> {
        let mut current = self.admission.lock().unwrap_or_else(PoisonError::into_inner);
        // An operation that signs in as another user scans two libraries.
        if let Some(admission) = current.upgrade().filter(|current| current.account == account) {
            return Ok(admission);
        }
        let admission = self.scans.admit(account)?;
        *current = Arc::downgrade(&admission);
        Ok(admission)
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, QueryError> {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    permit.map_err(|_| QueryError::unavailable("the server is shutting down"))
}

/// The permission to run one scan. To be dropped when its statement has ended.
#[derive(Debug)]
pub(super) struct ScanPermit {
    _running: OwnedSemaphorePermit,
    _connection: OwnedSemaphorePermit,
    _admission: Arc<Admission>,
}

/// An operation that counts for its account until this is dropped.
#[derive(Debug)]
struct Admission {
    limits: Arc<Limits>,
    account: UserId,
    running: Arc<Semaphore>,
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut accounts = self.limits.accounts();
        if let Some(account) = accounts.get_mut(&self.account) {
            account.operations -= 1;
            if account.operations == 0 {
                accounts.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use uuid::Uuid;

    use super::*;

    fn account(number: u128) -> UserId {
        UserId::from(Uuid::from_u128(number))
    }

    fn rejected(permit: Result<ScanPermit, QueryError>) -> StoreError {
        permit.expect_err("no permit").error
    }

    #[tokio::test]
    async fn further_operations_of_an_account_are_rejected_until_one_ends() {
        let scans = Scans::new(8, 2);
        let (alice, bob) = (account(1), account(2));
        let operations = [(); 3].map(|()| scans.for_operation());
        let first = operations[0].permit(alice).await.expect("a permit");
        let second = operations[1].permit(alice).await.expect("a permit");
        let third = rejected(operations[2].permit(alice).await);
        assert!(matches!(third, StoreError::TooManyScans), "{third:?}");
        operations[2].permit(bob).await.expect("the limit of another account");
        drop(first);
        operations[2].permit(alice).await.expect("a permit");
        drop(second);
        assert!(scans.0.accounts().is_empty(), "accounts that do not scan are forgotten");
    }

    #[tokio::test]
    async fn further_scans_of_an_operation_wait_for_the_others_of_the_account() {
        let scans = Scans::new(8, 2);
        let operation = scans.for_operation();
        let first = operation.permit(account(1)).await.expect("a permit");
        let _second = operation.permit(account(1)).await.expect("a permit");
        let mut third = std::pin::pin!(operation.permit(account(1)));
        assert!(poll!(&mut third).is_pending());
        drop(first);
        third.await.expect("a permit");
    }

    #[tokio::test(start_paused = true)]
    async fn scans_wait_for_a_connection_only_for_a_limited_time() {
        let scans = Scans::new(1, 2);
        let (alice, bob) = (scans.for_operation(), scans.for_operation());
        let scan = alice.permit(account(1)).await.expect("a permit");
        let waiting = rejected(bob.permit(account(2)).await);
        assert!(matches!(waiting, StoreError::Unavailable(_)), "{waiting:?}");
        drop(scan);
        bob.permit(account(2)).await.expect("a permit");
    }
}
