//! The connection on which events are received.

use std::sync::Arc;

use sea_orm::sqlx;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::{sleep, timeout};

use super::protocol::{
    CHANNEL, HEARTBEAT, HEARTBEAT_TIMEOUT, JOIN, PublisherSignals, REPLAY, RETRY_DELAY,
};
use super::replay_buffer::{ReplayBuffer, Scope};
use crate::store::events::broker::Broker;
use crate::store::last_outage::LastOutage;

/// The advisory lock that all instances share, as its two keys ("book" and "ears" in ASCII).
const PRESENCE_LOCK: (i32, i32) = (0x626f_6f6b, 0x6561_7273);

/// Receives notifications and delivers their events to the local broker.
pub(super) struct PgSubscriber {
    pub(super) options: PgConnectOptions,
    pub(super) broker: Arc<Broker>,
    pub(super) outage: Arc<LastOutage>,
    pub(super) recent: Arc<ReplayBuffer>,
    pub(super) signals: Arc<PublisherSignals>,
}

/// Runs `LISTEN` before announcing this instance on the same connection, so no event can be lost between the
/// two.
///
/// Makes a new pool each time: a listener on a dead connection occupies it until it has closed it
/// gracefully, which may never happen.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    // An automatic reconnect would not take the advisory lock again.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    sqlx::query("SELECT pg_advisory_lock_shared($1, $2)")
        .bind(PRESENCE_LOCK.0)
        .bind(PRESENCE_LOCK.1)
        .execute(&mut listener)
        .await?;
    sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(JOIN).execute(&mut listener).await?;
    Ok(listener)
}

/// Whether there is no other instance. One that starts later announces itself, which is received later.
async fn has_no_peers(listener: &mut PgListener) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT FROM pg_locks JOIN pg_database ON oid = database
         WHERE locktype = 'advisory' AND datname = current_database()
         AND classid = $1::int4::oid AND objid = $2::int4::oid AND pid <> pg_backend_pid())",
    )
    .bind(PRESENCE_LOCK.0)
    .bind(PRESENCE_LOCK.1)
    .fetch_one(listener)
    .await
}

impl PgSubscriber {
    pub(super) async fn run(self, mut listener: PgListener) {
        loop {
            match timeout(HEARTBEAT_TIMEOUT, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => {
                    for line in notification.payload().lines() {
                        self.handle_message(line, &mut listener).await;
                    }
                }
                Ok(Ok(None)) => listener = self.reconnect("the connection was lost").await,
                Ok(Err(error)) => listener = self.reconnect(&error.to_string()).await,
                Err(_) => listener = self.reconnect("no heartbeat received").await,
            }
        }
    }

    async fn handle_message(&self, line: &str, listener: &mut PgListener) {
        match line {
            HEARTBEAT => self.refresh_peers(listener).await,
            JOIN => {
                self.recent.set_scope(Scope::AllInstances);
                self.signals.join.notify_one();
                self.refresh_peers(listener).await;
            }
            REPLAY => self.signals.replay.notify_one(),
            // Unknown lines may be events of a newer version; they are ignored.
            line => line.parse().into_iter().for_each(|event| self.broker.deliver(event)),
        }
    }

    /// Updates the scope of new events.
    async fn refresh_peers(&self, listener: &mut PgListener) {
        // If the query fails because the connection is lost, the next `try_recv` reports it.
        let alone =
            matches!(timeout(HEARTBEAT_TIMEOUT, has_no_peers(listener)).await, Ok(Ok(true)));
        let scope = if alone { Scope::Local } else { Scope::AllInstances };
        let before = self.recent.set_scope(scope);
        if (before, scope) == (Scope::Local, Scope::AllInstances) {
            // The join of the other instance was missed.
            self.signals.replay.notify_one();
        }
    }

    async fn reconnect(&self, why: &str) -> PgListener {
        self.mark_missed();
        tracing::warn!(why, "lost the event connection, requesting a replay");
        loop {
            match timeout(HEARTBEAT_TIMEOUT, connect(&self.options)).await {
                Ok(Ok(listener)) => {
                    // Recorded again, because the outage may have lasted until now.
                    self.mark_missed();
                    return listener;
                }
                Ok(Err(_)) | Err(_) => sleep(RETRY_DELAY).await,
            }
        }
    }

    fn mark_missed(&self) {
        self.recent.set_scope(Scope::AllInstances);
        self.outage.record();
        self.signals.missed.notify_one();
    }
}
