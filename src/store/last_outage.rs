//! When the database last went away.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Notices outages on the one connection that always listens, for the sake of all those that would
/// notice when they are used next, and fail then.
#[derive(Debug)]
pub(super) struct LastOutage {
    since: Instant,
    /// Milliseconds after `since`, rounded up; 0 for never.
    last: AtomicU64,
}

impl Default for LastOutage {
    fn default() -> Self {
        Self { since: Instant::now(), last: AtomicU64::new(0) }
    }
}

impl LastOutage {
    /// To be called when a connection was lost.
    pub(super) fn record(&self) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(millis.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether a connection of this age was made after the last outage.
    pub(super) fn predates(&self, age: Duration) -> bool {
        match self.last.load(Ordering::Relaxed) {
            0 => true,
            last => self.since.elapsed() >= age + Duration::from_millis(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_connections_from_before_an_outage_are_not_trusted() {
        let outage = LastOutage { since: Instant::now(), last: AtomicU64::new(0) };
        assert!(outage.predates(Duration::from_secs(3_600)));
        outage.record();
        assert!(!outage.predates(Duration::from_secs(3_600)));
        while !outage.predates(Duration::ZERO) {
            std::thread::yield_now();
        }
    }
}
