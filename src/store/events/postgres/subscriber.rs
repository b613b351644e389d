//! The connection on which events are received.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::connection::EventConnection;
use super::protocol::{HEARTBEAT_TIMEOUT, REPLAY, RETRY_DELAY};
use crate::store::connector::Connector;
use crate::store::events::broker::Broker;
use crate::store::last_outage::LastOutage;

/// Receives notifications and delivers their events to the local broker.
pub(super) struct PgSubscriber {
    pub(super) connector: Connector,
    pub(super) broker: Arc<Broker>,
    pub(super) outage: Arc<LastOutage>,
    /// Notified when an instance has requested a replay.
    pub(super) replay_requested: Arc<Notify>,
}

/// Opens a connection and runs `LISTEN`.
pub(super) async fn listen(connector: &Connector) -> anyhow::Result<EventConnection> {
    let connection = EventConnection::open(connector).await?;
    connection.listen().await?;
    Ok(connection)
}

/// Runs `LISTEN` before it requests a replay on the same connection, so that no event is lost between the
/// two.
async fn listen_and_request_replay(connector: &Connector) -> anyhow::Result<EventConnection> {
    let connection = listen(connector).await?;
    connection.notify(REPLAY).await?;
    Ok(connection)
}

impl PgSubscriber {
    pub(super) async fn run(self, mut connection: EventConnection) {
        loop {
            match timeout(HEARTBEAT_TIMEOUT, connection.notification()).await {
                Ok(Some(payload)) => payload.lines().for_each(|line| self.handle_message(line)),
                Ok(None) => connection = self.reconnect("the connection was lost").await,
                Err(_) => connection = self.reconnect("no heartbeat received").await,
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

    async fn reconnect(&self, why: &str) -> EventConnection {
        self.outage.record();
        tracing::warn!(why, "lost the event connection, requesting a replay");
        loop {
            match timeout(HEARTBEAT_TIMEOUT, listen_and_request_replay(&self.connector)).await {
                Ok(Ok(connection)) => {
                    // Recorded again, because the outage may have lasted until now.
                    self.outage.record();
                    return connection;
                }
                Ok(Err(_)) | Err(_) => sleep(RETRY_DELAY).await,
            }
        }
    }
}
