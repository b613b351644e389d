//! Whether other instances use the same database, by their heartbeats.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::protocol::{HEARTBEAT, HEARTBEAT_TIMEOUT};

/// The other instances, as far as this one knows.
#[derive(Debug)]
pub(super) struct Peers {
    /// The number of this instance, which is random.
    number: u64,
    /// When a heartbeat of another instance was received last.
    last_heartbeat: Mutex<Option<Instant>>,
    /// Notified when there is another instance that may not know this one.
    joined: Notify,
}

impl Peers {
    pub(super) fn new() -> Self {
        Self { number: rand::random(), last_heartbeat: Mutex::default(), joined: Notify::new() }
    }

    /// The heartbeat of this instance.
    pub(super) fn heartbeat(&self) -> String {
        format!("{HEARTBEAT} {:016x}", self.number)
    }

    /// Records a heartbeat, of this or of another instance. Those of older versions have no number, and count as others.
    pub(super) fn record(&self, heartbeat: &str, now: Instant) {
        if heartbeat == self.heartbeat() {
            return;
        }
        let were_present = self.are_present(now);
        *self.last_heartbeat.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        if !were_present {
            self.joined.notify_one();
        }
    }

    /// Whether there are other instances.
    pub(super) fn are_present(&self, now: Instant) -> bool {
        let last = *self.last_heartbeat.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| now.duration_since(last) < HEARTBEAT_TIMEOUT)
    }

    /// Waits for an instance that may not know this one.
    pub(super) async fn joined(&self) {
        self.joined.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn others_are_present_for_as_long_as_their_heartbeats_arrive() {
        let (peers, other, start) = (Peers::new(), Peers::new(), Instant::now());
        peers.record(&peers.heartbeat(), start);
        assert!(!peers.are_present(start) && peers.joined().now_or_never().is_none());

        peers.record(&other.heartbeat(), start);
        assert!(peers.are_present(start) && peers.joined().now_or_never().is_some());
        peers.record(&other.heartbeat(), start);
        assert!(peers.joined().now_or_never().is_none(), "it is known already");
        assert!(!peers.are_present(start + HEARTBEAT_TIMEOUT));

        peers.record(HEARTBEAT, start + HEARTBEAT_TIMEOUT);
        assert!(peers.are_present(start + HEARTBEAT_TIMEOUT), "of an older version");
        assert!(peers.joined().now_or_never().is_some());
    }
}
