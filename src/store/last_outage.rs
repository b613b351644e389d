//! The time of the last outage of the database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Records outages that the event connection detects, because it always reads. Other connections would
/// detect an outage only at their next use, which would then fail.
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
    /// Records an outage now. To be called when a connection was lost.
    pub(super) fn record(&self) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(millis.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether the last outage was before a connection of this age was opened.
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
    fn connections_older_than_the_last_outage_are_not_trusted() {
        let outage = LastOutage { since: Instant::now(), last: AtomicU64::new(0) };
        assert!(outage.predates(Duration::from_secs(3_600)));
        outage.record();
        assert!(!outage.predates(Duration::from_secs(3_600)));
        while !outage.predates(Duration::ZERO) {
            std::thread::yield_now();
        }
    }
}
