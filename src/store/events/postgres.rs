//! Events over PostgreSQL's `NOTIFY`, from every copy of the server to every copy, the one that tells
//! included: so all hear the same, in the same order.
//!
//! A `NOTIFY` inside of a transaction makes its commit wait for every other such commit. So it has
//! no part in the transactions that change something: it follows them, many events at a time, from a
//! connection of its own. Whoever made the change waits for it: what is done after an answer is told
//! after what the answer was about.
//!
//! A server that is the only one tells the database nothing, and whoever listens here at once: the database
//! would work on the event as long as on many a change. Each that listens holds a lock that it shares with the
//! others, so that one can see whether there are any; and one that comes says hello, and is told what happened
//! meanwhile. When the last of the others has gone, an event that is still on its way may be overtaken by a later one
//! of the same book, and is dropped then, as one of two that came through two copies is.

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

/// Says nothing but that the way is open.
const HEARTBEAT: &str = "beat";

/// Says that somebody listens from now on.
const JOIN: &str = "hello";

/// Asks every copy to tell once more what it told lately, for somebody was not listening.
const REPLAY: &str = "again";

/// How many events may wait to be told while the database is away. More are dropped.
const OUTBOX_CAPACITY: usize = 10_000;

/// How long a change waits until it is told.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to wait before the database is tried again.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// For how long events are kept, to be told again.
const REPLAY_WINDOW: Duration = Duration::from_secs(60);

/// How long a hello may take to be heard. What was told only here meanwhile is told again.
const JOIN_REPLAY_WINDOW: Duration = Duration::from_secs(2);

/// How many events are kept at most.
const REPLAY_CAPACITY: usize = 10_000;

/// A connection on which nothing is heard for so long is dead, whatever the system thinks of it.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(25);

#[derive(Debug)]
pub(super) struct Postgres {
    hub: Arc<Broker>,
    lately: Arc<ReplayBuffer>,
    outbox: mpsc::Sender<PendingEvent>,
    /// Sends and listens until this is dropped.
    _tasks: JoinSet<()>,
}

/// An event, and who waits for it to be told.
#[derive(Debug)]
struct PendingEvent {
    event: Event,
    told: oneshot::Sender<()>,
}

/// What the one who listens has to say to the one who sends.
#[derive(Debug, Default)]
struct PublisherSignals {
    /// We did not listen for a while.
    missed: Notify,
    /// Somebody did not.
    again: Notify,
    /// Somebody does since a moment ago.
    hello: Notify,
}

impl Postgres {
    pub(super) async fn connect(
        url: &str,
        hub: Arc<Broker>,
        outage: Arc<LastOutage>,
    ) -> anyhow::Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("bookshelf events");
        let listener = subscriber::connect(&options).await?;

        let (outbox, waiting) = mpsc::channel(OUTBOX_CAPACITY);
        let (lately, signals) =
            (Arc::new(ReplayBuffer::default()), Arc::new(PublisherSignals::default()));
        let voice = PgPublisher::new(options.clone());
        let ear = PgSubscriber {
            options,
            hub: Arc::clone(&hub),
            outage,
            lately: Arc::clone(&lately),
            signals: Arc::clone(&signals),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(ear.listen(listener));
        tasks.spawn(voice.send(waiting, Arc::clone(&lately), signals));
        Ok(Self { hub, lately, outbox, _tasks: tasks })
    }

    pub(super) async fn publish(&self, events: &[Event]) {
        if self.lately.record(events) == Scope::Local {
            events.iter().for_each(|event| self.hub.deliver(*event));
            return;
        }
        let mut all_told = Vec::with_capacity(events.len());
        for event in events {
            let (told, is_told) = oneshot::channel();
            match self.outbox.try_send(PendingEvent { event: *event, told }) {
                Ok(()) => all_told.push(is_told),
                Err(_) => tracing::warn!("an event is dropped: the database does not take any"),
            }
        }
        let all_told = async {
            for is_told in all_told {
                let _ = is_told.await;
            }
        };
        let _ = timeout(PUBLISH_TIMEOUT, all_told).await;
    }
}

/// Where those are who have to hear of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Scope {
    /// In this process only.
    Local,
    /// In other copies of the server too, as far as this one can tell.
    #[default]
    AllInstances,
}

/// What has happened here lately, and who has to hear of what happens.
#[derive(Debug, Default)]
struct ReplayBuffer(Mutex<ReplayState>);

#[derive(Debug, Default)]
struct ReplayState {
    audience: Scope,
    /// Oldest first.
    kept: VecDeque<(Instant, Event)>,
}

impl ReplayBuffer {
    /// Keeps what is about to be told, and says whom to tell. What only those here are told is kept before
    /// anybody else is known to listen, and so is among what is told again then.
    fn record(&self, events: &[Event]) -> Scope {
        let now = Instant::now();
        let ReplayState { audience, kept } = &mut *self.lock();
        while kept.front().is_some_and(|(then, _)| now.duration_since(*then) >= REPLAY_WINDOW) {
            kept.pop_front();
        }
        kept.extend(events.iter().map(|event| (now, *event)));
        let too_many = kept.len().saturating_sub(REPLAY_CAPACITY);
        kept.drain(..too_many);
        *audience
    }

    /// What was told in this time, oldest first.
    fn events_within(&self, time: Duration) -> Vec<Event> {
        let now = Instant::now();
        let recent = |(then, _): &&(Instant, Event)| now.duration_since(*then) < time;
        self.lock().kept.iter().filter(recent).map(|(_, event)| *event).collect()
    }

    /// Gives whom it was before.
    fn set_audience(&self, audience: Scope) -> Scope {
        std::mem::replace(&mut self.lock().audience, audience)
    }

    fn lock(&self) -> MutexGuard<'_, ReplayState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
