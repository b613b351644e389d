//! Events over PostgreSQL's `NOTIFY`, from each instance to all instances, including itself. So all instances
//! receive the same events in the same order.
//!
//! A `NOTIFY` inside a transaction makes its commit wait for every other such commit. So the transactions
//! that change data do not use it. The notification follows in a batch, on a separate connection. The
//! request that made the change waits for it: events of changes made after its response come later.
//!
//! A single instance delivers events locally and skips `NOTIFY`, which would cost as much as the write
//! itself. Each instance holds a shared advisory lock, so the others can detect it. A new instance
//! announces itself and receives a replay of recent events. After the last other instance has stopped, a
//! local event may overtake an earlier one of the same book that is still in flight. The earlier one is
//! dropped then, like the older of two changes through two instances.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::postgres::PgConnectOptions;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Broker, Event};
use crate::store::last_outage::LastOutage;

mod publisher;
mod subscriber;

use publisher::PgPublisher;
use subscriber::PgSubscriber;

const CHANNEL: &str = "bookshelf_events";

/// Carries no event; shows that the connection works.
const HEARTBEAT: &str = "beat";

/// Announces a new instance.
const JOIN: &str = "hello";

/// Requests every instance to replay its recent events, because one instance may have missed some.
const REPLAY: &str = "again";

/// How many events may wait while the database is unavailable. Further events are dropped.
const OUTBOX_CAPACITY: usize = 10_000;

/// How long a change waits until its events are published.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(1);

/// Delay before a failed connection or notification is retried.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// How long events are kept for a replay.
const REPLAY_WINDOW: Duration = Duration::from_secs(60);

/// Maximum time until a join is received. Events delivered only locally in that time are replayed.
const JOIN_REPLAY_WINDOW: Duration = Duration::from_secs(2);

/// Maximum number of events kept for a replay.
const REPLAY_CAPACITY: usize = 10_000;

/// A connection that receives nothing for this long counts as lost, even if TCP reports no error.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(25);

#[derive(Debug)]
pub(super) struct Postgres {
    broker: Arc<Broker>,
    recent: Arc<ReplayBuffer>,
    outbox: mpsc::Sender<PendingEvent>,
    /// The publisher and the subscriber; aborted when this is dropped.
    _tasks: JoinSet<()>,
}

/// An event to publish, and the sender that reports when it is published.
#[derive(Debug)]
struct PendingEvent {
    event: Event,
    published: oneshot::Sender<()>,
}

/// Signals from the subscriber task to the publisher task.
#[derive(Debug, Default)]
struct PublisherSignals {
    /// This instance may have missed events: request a replay.
    missed: Notify,
    /// An instance requested a replay, or its join was missed.
    replay: Notify,
    /// An instance has just joined.
    join: Notify,
}

impl Postgres {
    pub(super) async fn connect(
        url: &str,
        broker: Arc<Broker>,
        outage: Arc<LastOutage>,
    ) -> anyhow::Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("bookshelf events");
        let listener = subscriber::connect(&options).await?;

        let (outbox, waiting) = mpsc::channel(OUTBOX_CAPACITY);
        let (recent, signals) =
            (Arc::new(ReplayBuffer::default()), Arc::new(PublisherSignals::default()));
        let publisher = PgPublisher::new(options.clone());
        let subscriber = PgSubscriber {
            options,
            broker: Arc::clone(&broker),
            outage,
            recent: Arc::clone(&recent),
            signals: Arc::clone(&signals),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(subscriber.run(listener));
        tasks.spawn(publisher.run(waiting, Arc::clone(&recent), signals));
        Ok(Self { broker, recent, outbox, _tasks: tasks })
    }

    pub(super) async fn publish(&self, events: &[Event]) {
        if self.recent.record(events) == Scope::Local {
            events.iter().for_each(|event| self.broker.deliver(*event));
            return;
        }
        let mut receivers = Vec::with_capacity(events.len());
        for event in events {
            let (published, receiver) = oneshot::channel();
            match self.outbox.try_send(PendingEvent { event: *event, published }) {
                Ok(()) => receivers.push(receiver),
                Err(_) => tracing::warn!("dropped an event: the publish queue is full"),
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

/// Which instances must receive an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Scope {
    /// This process only.
    Local,
    /// All instances; other instances exist or may exist.
    #[default]
    AllInstances,
}

/// The recent events of this instance, and the scope of new events.
#[derive(Debug, Default)]
struct ReplayBuffer(Mutex<ReplayState>);

#[derive(Debug, Default)]
struct ReplayState {
    scope: Scope,
    /// Oldest first, each with the time of its publication.
    kept: VecDeque<(Instant, Event)>,
}

impl ReplayBuffer {
    /// Stores events that are about to be published, and returns their scope. Both happen under one lock: an
    /// event that is delivered only locally is stored before another instance is detected, so the replay
    /// for that instance includes it.
    fn record(&self, events: &[Event]) -> Scope {
        let now = Instant::now();
        let ReplayState { scope, kept } = &mut *self.lock();
        while kept.front().is_some_and(|(then, _)| now.duration_since(*then) >= REPLAY_WINDOW) {
            kept.pop_front();
        }
        kept.extend(events.iter().map(|event| (now, *event)));
        let too_many = kept.len().saturating_sub(REPLAY_CAPACITY);
        kept.drain(..too_many);
        *scope
    }

    /// The events of the last `time`, oldest first.
    fn events_within(&self, time: Duration) -> Vec<Event> {
        let now = Instant::now();
        let recent = |(then, _): &&(Instant, Event)| now.duration_since(*then) < time;
        self.lock().kept.iter().filter(recent).map(|(_, event)| *event).collect()
    }

    /// Sets the scope and returns the previous one.
    fn set_scope(&self, scope: Scope) -> Scope {
        std::mem::replace(&mut self.lock().scope, scope)
    }

    fn lock(&self) -> MutexGuard<'_, ReplayState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
