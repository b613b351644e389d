//! Events over PostgreSQL's `NOTIFY`, from each instance to all instances, including itself. So all instances
//! receive the same events in the same order, and an instance needs to know nothing of the others.
//!
//! A `NOTIFY` inside a transaction makes its commit wait for every other such commit. So the transactions
//! that change data do not use it. The notification follows in a batch, on a separate connection. The
//! request that made the change waits for it: events of changes made after its response come later.

use std::sync::Arc;
use std::time::Duration;

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
mod protocol;
mod subscriber;

use notifier::{PendingEvent, PgNotifier};
use subscriber::PgSubscriber;

/// How many events may wait while the database is unavailable. Further events are dropped.
const OUTBOX_CAPACITY: usize = 10_000;

/// How long a change waits until its events are published.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Postgres {
    outbox: mpsc::Sender<PendingEvent>,
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
        let replay_requested = Arc::new(Notify::new());
        let (replay, lost) = (Arc::clone(&replay_requested), Arc::clone(&outage));
        let notifier = PgNotifier::new(connector.clone(), pending, replay, lost);
        let subscriber = PgSubscriber { connector, role, broker, outage, replay_requested };
        let mut tasks = JoinSet::new();
        tasks.spawn(subscriber.run(listener));
        tasks.spawn(notifier.run());
        Ok(Self { outbox, _tasks: tasks })
    }

    pub(super) async fn publish(&self, events: &[Event]) {
        let mut receivers = Vec::with_capacity(events.len());
        for event in events {
            let (published, receiver) = oneshot::channel();
            match self.outbox.try_send(PendingEvent { event: *event, published }) {
                Ok(()) => receivers.push(receiver),
                // The outage is in the log; subscribers read what they missed when they subscribe again.
                Err(_) => tracing::debug!("dropped an event: the publish queue is full"),
            }
        }
        let all_published = async {
            for receiver in receivers {
                let _ = receiver.await;
            }
        };
        let _ = timeout(PUBLISH_TIMEOUT, all_published).await;
    }
}
