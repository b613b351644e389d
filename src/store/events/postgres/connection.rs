//! A connection on which events are published or received.

use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_postgres::{AsyncMessage, Client};

use super::protocol::CHANNEL;
use crate::store::connector::{ConnectError, Connector};
use crate::store::server_lock::{ADVISORY_LOCK, LockedError};

/// How many notifications may wait until they are delivered. Further ones stay in the buffers of TCP.
const QUEUE_LENGTH: usize = 256;

/// An open connection, closed when this is dropped.
#[derive(Debug)]
pub(super) struct EventConnection {
    client: Client,
    notifications: mpsc::Receiver<String>,
    /// Reads from the connection; aborted when this is dropped.
    _reader: JoinSet<()>,
}

impl EventConnection {
    pub(super) async fn open(connector: &Connector) -> Result<Self, ConnectError> {
        let name = format!("{} events", connector.application_name());
        let (client, mut connection) = connector.connect(&name, "").await?;
        let (sender, notifications) = mpsc::channel(QUEUE_LENGTH);
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            let mut messages = poll_fn(move |cx| connection.poll_message(cx));
            loop {
                match messages.next().await {
                    Some(Ok(AsyncMessage::Notification(notification))) => {
                        // An error means that nobody listens.
                        let _ = sender.send(notification.payload().to_owned()).await;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        return tracing::debug!(%error, "an event connection was lost");
                    }
                    None => return,
                }
            }
        });
        Ok(Self { client, notifications, _reader: reader })
    }

    /// Shares the lock of servers for as long as the connection is open.
    pub(super) async fn share_server_lock(&self) -> anyhow::Result<()> {
        let sql = format!("SELECT pg_try_advisory_lock_shared({ADVISORY_LOCK})");
        let rows = self.client.query_typed(&sql, &[]).await?;
        match rows.first().map(|row| row.try_get(0)).transpose()? {
            Some(true) => Ok(()),
            _ => Err(LockedError::ByMigration.into()),
        }
    }

    /// Receives the notifications of the channel from now on.
    pub(super) async fn listen(&self) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(&format!("LISTEN {CHANNEL}")).await
    }

    /// Sends a notification. Takes one round trip. PostgreSQL does not wait for the disk, because the
    /// transaction changes no data.
    pub(super) async fn notify(&self, payload: &str) -> Result<(), tokio_postgres::Error> {
        // As a simple query, which takes the database less time than one with parameters.
        let literal = payload.replace('\'', "''");
        self.client.batch_execute(&format!("NOTIFY {CHANNEL}, '{literal}'")).await
    }

    /// The next notification; `None` if the connection was lost.
    pub(super) async fn notification(&mut self) -> Option<String> {
        self.notifications.recv().await
    }
}
