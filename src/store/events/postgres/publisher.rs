//! The connection over which events are told.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, Connection};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::{
    CHANNEL, HEARTBEAT, HEARTBEAT_TIMEOUT, JOIN_REPLAY_WINDOW, PendingEvent, PublisherSignals,
    REPLAY, REPLAY_WINDOW, RETRY_DELAY, ReplayBuffer,
};
use crate::store::events::{CHANNEL_CAPACITY, Event};

/// How many events go into one notification, whose text has less than 8,000 bytes. A listener may be behind by
/// more.
const BATCH_SIZE: usize = CHANNEL_CAPACITY / 2;

/// How long after an outage the other copies listen again, as a rule.
const RESYNC_DELAY: Duration = Duration::from_millis(300);

/// How often something is said that is no event.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// A connection of its own to tell things over: a pool would ask whether it still lives before and after
/// each.
pub(super) struct PgPublisher {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

impl PgPublisher {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: None }
    }

    /// Tells what waits, and again what was told lately when somebody asks for it.
    pub(super) async fn send(
        mut self,
        mut waiting: mpsc::Receiver<PendingEvent>,
        lately: Arc<ReplayBuffer>,
        signals: Arc<PublisherSignals>,
    ) {
        let mut batch: Vec<PendingEvent> = Vec::with_capacity(BATCH_SIZE);
        let mut beats = interval(HEARTBEAT_INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                received = waiting.recv_many(&mut batch, BATCH_SIZE) => {
                    if received == 0 {
                        return;
                    }
                    self.notify(&lines(batch.iter().map(|it| &it.event))).await;
                    // Who does not wait any more has no need to know.
                    for it in batch.drain(..) {
                        let _ = it.told.send(());
                    }
                }
                () = signals.missed.notified() => {
                    sleep(RESYNC_DELAY).await;
                    self.notify(REPLAY).await;
                }
                () = signals.again.notified() => self.replay(&lately.events_within(REPLAY_WINDOW)).await,
                () = signals.hello.notified() => self.replay(&lately.events_within(JOIN_REPLAY_WINDOW)).await,
                _ = beats.tick() => self.notify(HEARTBEAT).await,
            }
        }
    }

    async fn replay(&mut self, events: &[Event]) {
        for events in events.chunks(BATCH_SIZE) {
            self.notify(&lines(events)).await;
        }
    }

    /// Tells something, however often the database has to be asked. What arrives twice because an answer
    /// was lost is noticed where it arrives.
    async fn notify(&mut self, lines: &str) {
        loop {
            let was_open = self.connection.is_some();
            match timeout(HEARTBEAT_TIMEOUT, self.try_notify(lines)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::warn!(%error, "events wait"),
                Err(_) => tracing::warn!("events wait: the database does not answer"),
            }
            self.connection = None;
            // One that was open may have been lost while nothing was told.
            if !was_open {
                sleep(RETRY_DELAY).await;
            }
        }
    }

    /// Nothing is lost with the notification that is not lost with the server, so it waits for no disk.
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
