//! The time of the last outage of the database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// How often a server that does not allow writes counts as an outage.
const READ_ONLY_INTERVAL: Duration = Duration::from_secs(1);

/// Records outages that the event connection detects, because it always reads. Other connections would
/// detect an outage only at their next use, which would then fail.
#[derive(Debug)]
pub(super) struct LastOutage {
    since: Instant,
    /// Milliseconds after `since`, rounded up; 0 for never.
    last: AtomicU64,
    /// Notified when the database has stopped responding.
    silence: watch::Sender<()>,
}

/// Waits until the database stops responding.
#[derive(Debug)]
pub(super) struct Silence(watch::Receiver<()>);

impl Default for LastOutage {
    fn default() -> Self {
        let silence = watch::Sender::new(());
        Self { since: Instant::now(), last: AtomicU64::new(0), silence }
    }
}

impl LastOutage {
    /// Records an outage now. To be called when a connection was lost.
    pub(super) fn record(&self) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(millis.saturating_add(1), Ordering::Relaxed);
    }

    /// Records that the database does not respond to statements in flight, although no connection was lost:
    /// those on other connections will not get a response either.
    pub(super) fn record_silence(&self) {
        tracing::warn!("the database does not respond, opening new connections");
        self.record();
        self.silence.send_replace(());
    }

    /// Records that the server does not allow writes, perhaps since a failover: another one may do. Counts at most
    /// once a second, so that writes to a server that stays read-only do not replace all connections each time.
    pub(super) fn record_read_only(&self) {
        if self.predates(READ_ONLY_INTERVAL) {
            tracing::warn!("the database does not allow writes, opening new connections");
            self.record();
        }
    }

    /// To be called before a connection is used.
    pub(super) fn silence(&self) -> Silence {
        Silence(self.silence.subscribe())
    }

    /// Whether the last outage was before a connection of this age was opened.
    pub(super) fn predates(&self, age: Duration) -> bool {
        match self.last.load(Ordering::Relaxed) {
            0 => true,
            last => self.since.elapsed() >= age + Duration::from_millis(last),
        }
    }
}

impl Silence {
    /// Resolves when the database has stopped responding.
    pub(super) async fn detected(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_older_than_the_last_outage_are_not_trusted() {
        let outage = LastOutage::default();
        assert!(outage.predates(Duration::from_secs(3_600)));
        outage.record();
        assert!(!outage.predates(Duration::from_secs(3_600)));
        while !outage.predates(Duration::ZERO) {
            std::thread::yield_now();
        }
    }
}
