//! Somebody gives a password: is it the right one? Guessers are slowed down, whoever they ask.

use std::time::Duration;

use super::Auth;
use super::passwords::HashError;
use crate::client_ip::ClientPrefix;
use crate::store::StoreError;
use crate::store::failed_logins::AccountHash;
use crate::store::users::User;

/// A password could not be looked at, or is not to be.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Hash(#[from] HashError),
    /// Too many wrong ones were given of late.
    #[error("too many wrong passwords")]
    Throttled { wait: Duration },
}

impl Auth {
    /// Whether this is the password of an account. An account that there is none of, by its
    /// address, takes as long and fails as often.
    pub(crate) async fn verify_password(
        &self,
        caller: ClientPrefix,
        email_folded: &str,
        user: Option<&User>,
        password: &str,
    ) -> Result<bool, VerifyError> {
        let hashing = self.passwords.for_client(caller);
        let Some(most) = self.failed_logins else {
            return Ok(hashing.verify(user, password).await?);
        };
        let (failed, account) = (self.store.failed_logins(), AccountHash::of(email_folded));
        if let Err(wait) = failed.try_acquire(account, most, self.clock.now()).await? {
            return Err(VerifyError::Throttled { wait });
        }
        let right = hashing.verify(user, password).await;
        if !matches!(right, Ok(false)) {
            failed.refund(account).await?;
        }
        Ok(right?)
    }
}
