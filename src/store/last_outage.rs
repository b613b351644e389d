//! The time of the last outage of the database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    log: Mutex<LogState>,
}

/// What was logged about outages.
#[derive(Clone, Copy, Debug, Default)]
struct LogState {
    /// When the database went away, while its return is not logged yet.
    away_since: Option<Instant>,
    /// When it came back for the last time.
    back_since: Option<Instant>,
}

/// Failures this soon after the return of the database are a part of the outage: their statements began during it.
const AFTERMATH: Duration = Duration::from_secs(5);

/// Waits until the database stops responding on a connection.
#[derive(Debug)]
pub(super) struct Silence {
    outage: Arc<LastOutage>,
    detected: watch::Receiver<()>,
    /// When the connection was opened.
    opened: Instant,
}

impl Default for LastOutage {
    fn default() -> Self {
        let silence = watch::Sender::new(());
        let log = Mutex::default();
        Self { since: Instant::now(), last: AtomicU64::new(0), silence, log }
    }
}

impl LastOutage {
    /// Records an outage now. To be called when a connection was lost.
    pub(super) fn record(&self) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(millis.saturating_add(1), Ordering::Relaxed);
    }

    /// Records that the database has not responded on a connection that was opened then, although it was not lost:
    /// statements on connections that are as old will not get a response either. If there was an outage since then,
    /// this is a part of it and does not concern newer connections.
    pub(super) fn record_silence(&self, opened: Instant) {
        if self.predates(opened.elapsed()) {
            self.log_lost(&"it does not respond");
            self.record();
        }
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

    /// Logs that the database is unavailable, once until it is available again. Further failures are details of the
    /// same outage.
    pub(super) fn log_lost(&self, why: &dyn std::fmt::Display) {
        let mut log = self.log();
        if log.away_since.is_some() || log.back_since.is_some_and(|back| back.elapsed() < AFTERMATH)
        {
            tracing::debug!(%why, "the database is still unavailable");
        } else {
            log.away_since = Some(Instant::now());
            tracing::warn!(%why, "the database is unavailable, retrying until it is back");
        }
    }

    /// Logs that the database is available again, if its loss was logged.
    pub(super) fn log_back(&self) {
        let mut log = self.log();
        if let Some(since) = log.away_since.take() {
            log.back_since = Some(Instant::now());
            tracing::info!(
                away_secs = since.elapsed().as_secs(),
                "the database is available again"
            );
        }
    }

    fn log(&self) -> MutexGuard<'_, LogState> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called before a connection is used that was opened then.
    pub(super) fn silence(self: &Arc<Self>, opened: Instant) -> Silence {
        Silence { outage: Arc::clone(self), detected: self.silence.subscribe(), opened }
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
    /// Resolves when the database has stopped responding on connections as old as this one.
    pub(super) async fn detected(&mut self) {
        loop {
            if self.detected.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            if !self.outage.predates(self.opened.elapsed()) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn silence_concerns_connections_that_are_as_old() {
        let outage = Arc::new(LastOutage::default());
        let old = Instant::now();
        let mut silence = outage.silence(old);
        outage.record_silence(old);
        assert!(silence.detected().now_or_never().is_some());

        wait_until_later(&outage);
        let new = Instant::now();
        let (mut silence, mut new_silence) = (outage.silence(old), outage.silence(new));
        outage.record_silence(old);
        assert!(silence.detected().now_or_never().is_some());
        assert!(new_silence.detected().now_or_never().is_none());
        outage.record_silence(new);
        assert!(new_silence.detected().now_or_never().is_some());
    }

    #[test]
    fn connections_older_than_the_last_outage_are_not_trusted() {
        let outage = LastOutage::default();
        assert!(outage.predates(Duration::from_secs(3_600)));
        outage.record();
        assert!(!outage.predates(Duration::from_secs(3_600)));
        wait_until_later(&outage);
    }

    /// Waits until a connection that is opened now is newer than the last outage.
    fn wait_until_later(outage: &LastOutage) {
        while !outage.predates(Duration::ZERO) {
            std::thread::yield_now();
        }
    }
}
