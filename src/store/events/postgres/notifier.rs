//! The connection on which events are published.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::connection::EventConnection;
use super::peers::Peers;
use super::protocol::{Backoff, HEARTBEAT_TIMEOUT, REPLAY_WINDOW};
use crate::store::connector::Connector;
use crate::store::error::error_chain;
use crate::store::events::broker::CHANNEL_CAPACITY;
use crate::store::events::event::Event;
use crate::store::last_outage::LastOutage;

/// Maximum number of events in one notification. Its text must be shorter than 8,000 bytes, and a subscriber
/// may be behind by more events than one batch.
const BATCH_SIZE: usize = CHANNEL_CAPACITY / 2;

/// Interval between heartbeats.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// Least time between the starts of two notifications of events. A notification costs the database, and each
/// instance that receives it, about as much whether it has one event or thirty, so that under load events are
/// collected. The first event after a pause is published at once.
const BATCH_INTERVAL: Duration = Duration::from_millis(2);

/// Maximum number of events kept for a replay.
const REPLAY_CAPACITY: usize = 10_000;

/// An item of the outbox.
#[derive(Debug)]
pub(super) enum Outgoing {
    Event(Event),
    /// Completed when the events before it are published.
    Flush(oneshot::Sender<()>),
}

impl Outgoing {
    fn event(&self) -> Option<&Event> {
        match self {
            Self::Event(event) => Some(event),
            Self::Flush(_) => None,
        }
    }
}

/// Publishes events on a dedicated connection: a pool would ping the connection before and after each
/// statement.
pub(super) struct PgNotifier {
    connector: Connector,
    connection: Option<EventConnection>,
    pending: mpsc::Receiver<Outgoing>,
    replay_requested: Arc<Notify>,
    peers: Arc<Peers>,
    outage: Arc<LastOutage>,
    recent: ReplayBuffer,
}

impl PgNotifier {
    pub(super) fn new(
        connector: Connector,
        pending: mpsc::Receiver<Outgoing>,
        replay_requested: Arc<Notify>,
        peers: Arc<Peers>,
        outage: Arc<LastOutage>,
    ) -> Self {
        let (connection, recent) = (None, ReplayBuffer::default());
        Self { connector, connection, pending, replay_requested, peers, outage, recent }
    }

    /// Publishes queued events and heartbeats, and replays recent events on request. Events that are queued
    /// during a notification are published together by the next one.
    pub(super) async fn run(mut self) {
        let mut batch: Vec<Outgoing> = Vec::with_capacity(BATCH_SIZE);
        let mut heartbeats = interval(HEARTBEAT_INTERVAL);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_start = tokio::time::Instant::now() - BATCH_INTERVAL;
        heartbeats.tick().await;
        self.notify(&self.peers.heartbeat()).await;
        loop {
            tokio::select! {
                received = self.pending.recv_many(&mut batch, BATCH_SIZE) => {
                    if received == 0 {
                        return;
                    }
                    sleep_until(last_start + BATCH_INTERVAL).await;
                    last_start = tokio::time::Instant::now();
                    while batch.len() < BATCH_SIZE && let Ok(pending) = self.pending.try_recv() {
                        batch.push(pending);
                    }
                    self.publish(&mut batch).await;
                }
                () = self.replay_requested.notified() => {
                    for events in self.recent.events(Instant::now()).chunks(BATCH_SIZE) {
                        self.notify(&lines(events)).await;
                    }
                }
                _ = heartbeats.tick() => self.notify(&self.peers.heartbeat()).await,
                () = self.peers.joined() => self.notify(&self.peers.heartbeat()).await,
            }
        }
    }

    /// Publishes the events of a batch, if any, and then completes its flushes.
    async fn publish(&mut self, batch: &mut Vec<Outgoing>) {
        let events: Vec<_> = batch.iter().filter_map(Outgoing::event).copied().collect();
        if !events.is_empty() {
            self.notify(&lines(&events)).await;
        }
        let now = Instant::now();
        for outgoing in batch.drain(..) {
            match outgoing {
                Outgoing::Event(event) => self.recent.record(now, event),
                // An error means that the caller has stopped waiting.
                Outgoing::Flush(done) => drop(done.send(())),
            }
        }
    }

    /// Sends a notification, and retries until the database confirms it. If a confirmation is lost, the
    /// notification is sent twice; receivers drop the duplicates.
    async fn notify(&mut self, lines: &str) {
        let mut backoff = Backoff::default();
        loop {
            let was_open = self.connection.is_some();
            let failure = match timeout(HEARTBEAT_TIMEOUT, self.try_notify(lines)).await {
                Ok(Ok(())) => return self.outage.log_back(),
                Ok(Err(error)) => error_chain(error.as_ref()),
                Err(_) => "publishing events timed out".to_owned(),
            };
            self.connection = None;
            // A connection that was already open may have been lost while idle: retry at once.
            if !was_open {
                self.outage.log_lost(&failure);
                sleep(backoff.delay()).await;
            }
        }
    }

    async fn try_notify(&mut self, lines: &str) -> anyhow::Result<()> {
        let connection = match &self.connection {
            Some(connection) => connection,
            None => self.connection.insert(EventConnection::open(&self.connector).await?),
        };
        Ok(connection.notify(lines).await?)
    }
}

fn lines<'a>(events: impl IntoIterator<Item = &'a Event>) -> String {
    let lines: Vec<_> = events.into_iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// The events that this instance has published recently, for instances that may have missed them. Oldest
/// first, each with the time of its publication.
#[derive(Debug, Default)]
struct ReplayBuffer(VecDeque<(Instant, Event)>);

impl ReplayBuffer {
    fn record(&mut self, now: Instant, event: Event) {
        self.remove_old(now);
        if self.0.len() == REPLAY_CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back((now, event));
    }

    fn events(&mut self, now: Instant) -> Vec<Event> {
        self.remove_old(now);
        self.0.iter().map(|(_, event)| *event).collect()
    }

    fn remove_old(&mut self, now: Instant) {
        while self.0.front().is_some_and(|(then, _)| now.duration_since(*then) >= REPLAY_WINDOW) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::id::IdGenerator;

    #[test]
    fn the_replay_buffer_keeps_recent_events_up_to_its_capacity() {
        let ids = IdGenerator::new(Clock::system());
        let events: Vec<_> =
            (0..=REPLAY_CAPACITY).map(|_| Event::SessionEnded(ids.next())).collect();
        let (start, mut recent) = (Instant::now(), ReplayBuffer::default());
        for event in &events {
            recent.record(start, *event);
        }
        assert_eq!(recent.events(start), events[1..]);

        let later = start + REPLAY_WINDOW;
        recent.record(later - Duration::from_millis(1), events[0]);
        assert_eq!(recent.events(later), [events[0]]);
        assert_eq!(recent.events(later + REPLAY_WINDOW), []);
    }
}
