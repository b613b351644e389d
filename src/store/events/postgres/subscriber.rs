//! The connection on which events are received.

use std::sync::Arc;

use sea_orm::sqlx;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::protocol::{CHANNEL, HEARTBEAT_TIMEOUT, REPLAY, RETRY_DELAY};
use crate::store::events::broker::Broker;
use crate::store::last_outage::LastOutage;

/// Receives notifications and delivers their events to the local broker.
pub(super) struct PgSubscriber {
    pub(super) options: PgConnectOptions,
    pub(super) broker: Arc<Broker>,
    pub(super) outage: Arc<LastOutage>,
    /// Notified when an instance has requested a replay.
    pub(super) replay_requested: Arc<Notify>,
}

/// Opens a connection and runs `LISTEN`.
///
/// Makes a new pool each time: a listener on a dead connection occupies it until it has closed it
/// gracefully, which may never happen.
pub(super) async fn listen(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    // An automatic reconnect would not request a replay.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Runs `LISTEN` before it requests a replay on the same connection, so that no event is lost between the
/// two.
async fn listen_and_request_replay(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let mut listener = listen(options).await?;
    sqlx::query("SELECT pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(REPLAY)
        .execute(&mut listener)
        .await?;
    Ok(listener)
}

impl PgSubscriber {
    pub(super) async fn run(self, mut listener: PgListener) {
        loop {
            match timeout(HEARTBEAT_TIMEOUT, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => {
                    notification.payload().lines().for_each(|line| self.handle_message(line));
                }
                Ok(Ok(None)) => listener = self.reconnect("the connection was lost").await,
                Ok(Err(error)) => listener = self.reconnect(&error.to_string()).await,
                Err(_) => listener = self.reconnect("no heartbeat received").await,
            }
        }
    }

    fn handle_message(&self, line: &str) {
        match line {
            REPLAY => self.replay_requested.notify_one(),
            // Heartbeats are ignored, and unknown lines, which may be events of a newer version.
            line => line.parse().into_iter().for_each(|event| self.broker.deliver(event)),
        }
    }

    async fn reconnect(&self, why: &str) -> PgListener {
        self.outage.record();
        tracing::warn!(why, "lost the event connection, requesting a replay");
        loop {
            match timeout(HEARTBEAT_TIMEOUT, listen_and_request_replay(&self.options)).await {
                Ok(Ok(listener)) => {
                    // Recorded again, because the outage may have lasted until now.
                    self.outage.record();
                    return listener;
                }
                Ok(Err(_)) | Err(_) => sleep(RETRY_DELAY).await,
            }
        }
    }
}
