//! What the instances send each other, and the delays that the notifier and the subscriber share.

use std::time::Duration;

/// The channel of `LISTEN` and `NOTIFY`.
pub(super) const CHANNEL: &str = "bookshelf_events";

/// Begins a message without an event, which shows that the connection works and which instance has sent it.
pub(super) const HEARTBEAT: &str = "beat";

/// Requests every instance to replay its recent events, because one instance may have missed some.
pub(super) const REPLAY: &str = "again";

/// How long events are kept for a replay.
pub(super) const REPLAY_WINDOW: Duration = Duration::from_secs(60);

/// Delay before a failed connection or notification is retried for the first time. It doubles each time, up to
/// [`MAX_RETRY_DELAY`].
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// Longest delay before a retry.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);

/// The delays between the retries during one outage.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: RETRY_DELAY }
    }
}

impl Backoff {
    /// The delay before the next retry.
    pub(super) fn delay(&mut self) -> Duration {
        let delay = self.next;
        self.next = MAX_RETRY_DELAY.min(delay * 2);
        delay
    }
}

/// A connection that receives nothing for this long counts as lost, even if TCP reports no error.
pub(super) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(25);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_wait_longer_each_time_up_to_a_limit() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..7).map(|_| backoff.delay().as_millis()).collect();
        assert_eq!(delays, [200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    }
}
