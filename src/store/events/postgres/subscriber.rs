//! The connection on which events are heard.

use std::sync::Arc;

use sea_orm::sqlx;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::{sleep, timeout};

use super::{
    CHANNEL, HEARTBEAT, HEARTBEAT_TIMEOUT, JOIN, PublisherSignals, REPLAY, RETRY_DELAY,
    ReplayBuffer, Scope,
};
use crate::store::events::Broker;
use crate::store::last_outage::LastOutage;

/// The lock that all share who listen, as the two numbers of an advisory lock ("book" and "ears" in ASCII).
const PRESENCE_LOCK: (i32, i32) = (0x626f_6f6b, 0x6561_7273);

/// Hears what is told.
pub(super) struct PgSubscriber {
    pub(super) options: PgConnectOptions,
    pub(super) hub: Arc<Broker>,
    pub(super) outage: Arc<LastOutage>,
    pub(super) lately: Arc<ReplayBuffer>,
    pub(super) signals: Arc<PublisherSignals>,
}

/// Listens, and says hello over the same connection: whoever is told of a listener is heard by it already.
///
/// With a pool of its own each time: a listener that hears nothing keeps its connection until it has said
/// goodbye over it, which may be never.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    // It would not take the lock again.
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

/// Whether nobody else listens. Whoever begins to after that says hello, and is heard after that.
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
    pub(super) async fn listen(self, mut listener: PgListener) {
        loop {
            match timeout(HEARTBEAT_TIMEOUT, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => {
                    for line in notification.payload().lines() {
                        self.handle_message(line, &mut listener).await;
                    }
                }
                Ok(Ok(None)) => listener = self.reconnect("the connection was lost").await,
                Ok(Err(error)) => listener = self.reconnect(&error.to_string()).await,
                Err(_) => listener = self.reconnect("nothing is heard").await,
            }
        }
    }

    async fn handle_message(&self, line: &str, listener: &mut PgListener) {
        match line {
            HEARTBEAT => self.refresh_peers(listener).await,
            JOIN => {
                self.lately.set_audience(Scope::AllInstances);
                self.signals.hello.notify_one();
                self.refresh_peers(listener).await;
            }
            REPLAY => self.signals.again.notify_one(),
            // What is no event may be one of a newer server.
            line => line.parse().into_iter().for_each(|event| self.hub.deliver(event)),
        }
    }

    /// Tells whom there is to tell from now on.
    async fn refresh_peers(&self, listener: &mut PgListener) {
        // If that fails because the connection is lost, the next look at it says so.
        let alone =
            matches!(timeout(HEARTBEAT_TIMEOUT, has_no_peers(listener)).await, Ok(Ok(true)));
        let audience = if alone { Scope::Local } else { Scope::AllInstances };
        let before = self.lately.set_audience(audience);
        if (before, audience) == (Scope::Local, Scope::AllInstances) {
            // The other's hello was missed.
            self.signals.again.notify_one();
        }
    }

    async fn reconnect(&self, why: &str) -> PgListener {
        self.mark_missed();
        tracing::warn!(why, "events may have been missed, and are asked for again");
        loop {
            match timeout(HEARTBEAT_TIMEOUT, connect(&self.options)).await {
                Ok(Ok(listener)) => {
                    // The database may have been away for longer than it took to notice.
                    self.mark_missed();
                    return listener;
                }
                Ok(Err(_)) | Err(_) => sleep(RETRY_DELAY).await,
            }
        }
    }

    fn mark_missed(&self) {
        self.lately.set_audience(Scope::AllInstances);
        self.outage.record();
        self.signals.missed.notify_one();
    }
}
