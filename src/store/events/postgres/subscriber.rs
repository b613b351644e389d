//! The connection on which events are received.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::connection::EventConnection;
use super::peers::Peers;
use super::protocol::{Backoff, HEARTBEAT, HEARTBEAT_TIMEOUT, REPLAY, REPLAY_WINDOW};
use crate::store::connector::Connector;
use crate::store::error::error_chain;
use crate::store::events::broker::Broker;
use crate::store::last_outage::LastOutage;
use crate::store::server_lock::Role;

/// Receives notifications and delivers their events to the local broker.
pub(super) struct PgSubscriber {
    pub(super) connector: Connector,
    pub(super) role: Role,
    pub(super) broker: Arc<Broker>,
    pub(super) outage: Arc<LastOutage>,
    /// Notified when an instance has requested a replay.
    pub(super) replay_requested: Arc<Notify>,
    pub(super) peers: Arc<Peers>,
}

/// Opens a connection and runs `LISTEN`. That of a server has its lock.
pub(super) async fn listen(connector: &Connector, role: Role) -> anyhow::Result<EventConnection> {
    let connection = EventConnection::open(connector).await?;
    if role == Role::Server {
        connection.share_server_lock().await?;
    }
    connection.listen().await?;
    Ok(connection)
}

/// Runs `LISTEN` before it requests a replay on the same connection, so that no event is lost between the
/// two.
async fn listen_and_request_replay(
    connector: &Connector,
    role: Role,
) -> anyhow::Result<EventConnection> {
    let connection = listen(connector, role).await?;
    connection.notify(REPLAY).await?;
    Ok(connection)
}

/// Whether events may be missing from a replay after this time without a message. An event may reach another
/// instance's replay buffer somewhat before this instance would have received it.
fn is_beyond_replay(silence: Duration) -> bool {
    silence + REPLAY_MARGIN >= REPLAY_WINDOW
}

/// How much earlier than its receipt an event may be recorded for a replay.
const REPLAY_MARGIN: Duration = Duration::from_secs(5);

impl PgSubscriber {
    pub(super) async fn run(self, mut connection: EventConnection) {
        let mut last_received = Instant::now();
        loop {
            let why = match timeout(HEARTBEAT_TIMEOUT, connection.notification()).await {
                Ok(Some(payload)) => {
                    last_received = Instant::now();
                    payload.lines().for_each(|line| self.handle_message(line));
                    continue;
                }
                Ok(None) => "the connection was lost",
                Err(_) => "no heartbeat received",
            };
            connection = self.reconnect(why).await;
            let silence = last_received.elapsed();
            if is_beyond_replay(silence) {
                // A detail of the outage, which is logged already.
                tracing::debug!(
                    silence_secs = silence.as_secs(),
                    "events may have been lost, closing the subscriptions"
                );
                self.broker.fail_subscribers();
            }
            last_received = Instant::now();
        }
    }

    fn handle_message(&self, line: &str) {
        match line {
            REPLAY => self.replay_requested.notify_one(),
            line if line.starts_with(HEARTBEAT) => self.peers.record(line, Instant::now()),
            // Unknown lines are ignored: they may be events of a newer version.
            line => line.parse().into_iter().for_each(|event| self.broker.deliver(event)),
        }
    }

    async fn reconnect(&self, why: &str) -> EventConnection {
        self.outage.record();
        tracing::debug!(why, "lost the event connection, requesting a replay");
        let mut backoff = Backoff::default();
        loop {
            let listening = listen_and_request_replay(&self.connector, self.role);
            match timeout(HEARTBEAT_TIMEOUT, listening).await {
                Ok(Ok(connection)) => {
                    // Recorded again, because the outage may have lasted until now.
                    self.outage.record();
                    self.outage.log_back();
                    return connection;
                }
                Ok(Err(error)) => self.outage.log_lost(&error_chain(error.as_ref())),
                Err(_) => self.outage.log_lost(&"the connection timed out"),
            }
            sleep(backoff.delay()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_may_be_lost_only_if_the_silence_is_about_as_long_as_the_replay() {
        for (seconds, lost) in [(0, false), (25, false), (54, false), (55, true), (90, true)] {
            assert_eq!(is_beyond_replay(Duration::from_secs(seconds)), lost, "{seconds} s");
        }
    }
}
