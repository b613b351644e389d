//! Statements of an import that are repeated while the database is unavailable.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::sleep;

use crate::store::StoreError;

/// The delays before a statement is repeated while the database is unavailable. The import fails after the last.
pub(super) const RETRY_DELAYS: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
];

/// Repeats a statement while the database is unavailable.
pub(super) async fn with_retries<'a, T>(
    run: impl Fn() -> BoxFuture<'a, Result<T, StoreError>>,
) -> Result<T, StoreError> {
    for delay in RETRY_DELAYS {
        match run().await {
            Err(StoreError::Unavailable(_)) => sleep(delay).await,
            result => return result,
        }
    }
    run().await
}
