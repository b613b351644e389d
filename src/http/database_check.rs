//! Whether the database responds, for the readiness check.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::store::Store;

/// Timeout for the database to respond.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long a result is used: the database is checked at most once per second, however often readiness is asked.
const INTERVAL: Duration = Duration::from_secs(1);

/// The latest check of the database.
#[derive(Debug, Default)]
pub(super) struct DatabaseCheck(Mutex<Option<Checked>>);

#[derive(Clone, Copy, Debug)]
struct Checked {
    /// When the check began, by the monotonic clock.
    at: Duration,
    is_up: bool,
}

impl DatabaseCheck {
    /// Whether the database responds. Callers wait for a check that runs.
    pub(super) async fn is_up(&self, store: &Store, clock: &Clock) -> bool {
        let mut latest = self.0.lock().await;
        let now = clock.monotonic();
        if let Some(checked) = latest.filter(|checked| now < checked.at + INTERVAL) {
            return checked.is_up;
        }
        // Recorded before the check, so that callers that disconnect do not cause more checks.
        let before = latest.is_some_and(|checked| checked.is_up);
        *latest = Some(Checked { at: now, is_up: before });
        let is_up = matches!(timeout(TIMEOUT, store.ping()).await, Ok(Ok(())));
        *latest = Some(Checked { at: now, is_up });
        is_up
    }
}
