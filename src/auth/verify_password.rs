//! Verification of passwords. Limits the number of guesses for each account and network, across all instances.

use std::time::Duration;

use super::Auth;
use super::passwords::HashError;
use crate::client_ip::ClientPrefix;
use crate::store::StoreError;
use crate::store::failed_logins::Purpose;
use crate::store::users::User;

/// A password was not verified.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Hash(#[from] HashError),
    /// Too many recent wrong passwords for this account.
    #[error("too many wrong passwords")]
    Throttled { retry_after: Duration },
}

impl Auth {
    /// Whether this is the password of the account with this email address. If there is no such
    /// account, the check takes the same time and the same limits apply.
    pub(crate) async fn verify_password(
        &self,
        purpose: Purpose,
        client: ClientPrefix,
        email_folded: &str,
        user: Option<&User>,
        password: &str,
    ) -> Result<bool, VerifyError> {
        let hashing = self.passwords.for_client(client);
        let Some(limits) = self.guess_limits else {
            return Ok(hashing.verify(user, password).await?);
        };
        let failed = self.store.failed_logins();
        let buckets = limits.buckets(purpose, email_folded, client);
        if let Err(retry_after) = failed.try_acquire(&buckets, self.clock.now()).await? {
            return Err(VerifyError::Throttled { retry_after });
        }
        let verified = hashing.verify(user, password).await;
        if !matches!(verified, Ok(false)) {
            failed.refund(&buckets).await?;
        }
        Ok(verified?)
    }
}
