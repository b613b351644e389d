//! The connection on which events are published.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, Connection};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::protocol::{
    CHANNEL, HEARTBEAT, HEARTBEAT_TIMEOUT, PendingEvent, PublisherSignals, REPLAY, RETRY_DELAY,
};
use super::replay_buffer::{JOIN_REPLAY_WINDOW, REPLAY_WINDOW, ReplayBuffer};
use crate::store::events::broker::CHANNEL_CAPACITY;
use crate::store::events::event::Event;

/// Maximum number of events in one notification. Its text must be shorter than 8,000 bytes, and a subscriber
/// may be behind by more events than one batch.
const BATCH_SIZE: usize = CHANNEL_CAPACITY / 2;

/// How long the other instances usually need to reconnect after an outage.
const RESYNC_DELAY: Duration = Duration::from_millis(300);

/// Interval between heartbeats.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// Publishes events on a dedicated connection: a pool would ping the connection before and after each
/// statement.
pub(super) struct PgPublisher {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

impl PgPublisher {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: None }
    }

    /// Publishes queued events and heartbeats, and requests and performs replays.
    pub(super) async fn run(
        mut self,
        mut waiting: mpsc::Receiver<PendingEvent>,
        recent: Arc<ReplayBuffer>,
        signals: Arc<PublisherSignals>,
    ) {
        let mut batch: Vec<PendingEvent> = Vec::with_capacity(BATCH_SIZE);
        let mut heartbeats = interval(HEARTBEAT_INTERVAL);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                received = waiting.recv_many(&mut batch, BATCH_SIZE) => {
                    if received == 0 {
                        return;
                    }
                    self.notify(&lines(batch.iter().map(|pending| &pending.event))).await;
                    // An error means that the request has stopped waiting.
                    for pending in batch.drain(..) {
                        let _ = pending.published.send(());
                    }
                }
                () = signals.missed.notified() => {
                    sleep(RESYNC_DELAY).await;
                    self.notify(REPLAY).await;
                }
                () = signals.replay.notified() => {
                    self.replay(&recent.events_within(REPLAY_WINDOW)).await;
                }
                () = signals.join.notified() => {
                    self.replay(&recent.events_within(JOIN_REPLAY_WINDOW)).await;
                }
                _ = heartbeats.tick() => self.notify(HEARTBEAT).await,
            }
        }
    }

    async fn replay(&mut self, events: &[Event]) {
        for events in events.chunks(BATCH_SIZE) {
            self.notify(&lines(events)).await;
        }
    }

    /// Sends a notification, and retries until the database confirms it. If a confirmation is lost, the
    /// notification is sent twice; receivers drop the duplicates.
    async fn notify(&mut self, lines: &str) {
        loop {
            let was_open = self.connection.is_some();
            match timeout(HEARTBEAT_TIMEOUT, self.try_notify(lines)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::warn!(%error, "publishing events failed, retrying"),
                Err(_) => tracing::warn!("publishing events timed out, retrying"),
            }
            self.connection = None;
            // A connection that was already open may have been lost while idle: retry at once.
            if !was_open {
                sleep(RETRY_DELAY).await;
            }
        }
    }

    /// Does not wait for the disk (`synchronous_commit`): if the database server crashes, it loses the
    /// notification in any case.
    async fn try_notify(&mut self, lines: &str) -> Result<(), sqlx::Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(PgConnection::connect_with(&self.options).await?),
        };
        sqlx::query("SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(lines)
            .execute(connection)
            .await
            .map(drop)
    }
}

fn lines<'a>(events: impl IntoIterator<Item = &'a Event>) -> String {
    let lines: Vec<_> = events.into_iter().map(ToString::to_string).collect();
    lines.join("\n")
}
