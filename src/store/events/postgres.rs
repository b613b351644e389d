//! Events over PostgreSQL's `NOTIFY`, from each instance to all instances, including itself. So all instances
//! receive the same events in the same order, and an instance needs to know nothing of the others.
//!
//! A `NOTIFY` inside a transaction makes its commit wait for every other such commit. So the transactions
//! that change data do not use it. The notification follows in a batch, on a separate connection. While there
//! are other instances, the request that made the change waits for it: events of changes made after its response,
//! through any instance, come later. The events of one instance are in order without that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::broker::Broker;
use super::event::Event;
use crate::store::connector::Connector;
use crate::store::last_outage::LastOutage;
use crate::store::server_lock::Role;

mod connection;
mod notifier;
mod peers;
mod protocol;
mod subscriber;

use notifier::{Outgoing, PgNotifier};
use peers::Peers;
use subscriber::PgSubscriber;

/// How many events may wait while the database is unavailable. Further events are dropped.
const OUTBOX_CAPACITY: usize = 10_000;

/// How long a flush waits until the events are published.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Postgres {
    outbox: mpsc::Sender<Outgoing>,
    peers: Arc<Peers>,
    /// The notifier and the subscriber; aborted when this is dropped.
    _tasks: JoinSet<()>,
}

impl Postgres {
    pub(super) async fn connect(
        connector: Connector,
        role: Role,
        broker: Arc<Broker>,
        outage: Arc<LastOutage>,
    ) -> anyhow::Result<Self> {
        let listener = subscriber::listen(&connector, role).await?;

        let (outbox, pending) = mpsc::channel(OUTBOX_CAPACITY);
        let (peers, replay_requested) = (Arc::new(Peers::new()), Arc::new(Notify::new()));
        let (replay, lost) = (Arc::clone(&replay_requested), Arc::clone(&outage));
        let notifier =
            PgNotifier::new(connector.clone(), pending, replay, Arc::clone(&peers), lost);
        let others = Arc::clone(&peers);
        let subscriber =
            PgSubscriber { connector, role, broker, outage, replay_requested, peers: others };
        let mut tasks = JoinSet::new();
        tasks.spawn(subscriber.run(listener));
        tasks.spawn(notifier.run());
        let postgres = Self { outbox, peers, _tasks: tasks };
        // After the first heartbeat: the others know this instance.
        postgres.flush().await;
        Ok(postgres)
    }

    /// Queues events. Waits until they are published if there are other instances.
    pub(super) async fn publish(&self, events: &[Event]) {
        for event in events {
            // The outage is in the log; subscribers read what they missed when they subscribe again.
            if self.outbox.try_send(Outgoing::Event(*event)).is_err() {
                tracing::debug!("dropped an event: the publish queue is full");
            }
        }
        if self.peers.are_present(Instant::now()) {
            self.flush().await;
        }
    }

    /// Waits until all queued events are published, at most [`FLUSH_TIMEOUT`].
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        let flush = async {
            if self.outbox.send(Outgoing::Flush(done)).await.is_ok() {
                let _ = flushed.await;
            }
        };
        let _ = timeout(FLUSH_TIMEOUT, flush).await;
    }
}
