//! Publishes events to the subscribers of all instances: within the process, and over PostgreSQL's `LISTEN`
//! and `NOTIFY` if there are other instances.
//!
//! An event is published after its change is committed. Events are not stored for subscribers: a
//! subscriber receives those that are published after it subscribed.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::sync::Cache;
use secrecy::ExposeSecret;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::last_outage::LastOutage;
use crate::config::Database;
use crate::id::{BookId, SessionId, UserId};

mod postgres;

use postgres::Postgres;

/// How many events a subscriber may be behind before it misses events and gets [`Lagged`].
const CHANNEL_CAPACITY: usize = 64;

/// For how many books the latest version is cached, to detect old events.
const DEDUP_CACHE_SIZE: usize = 16_384;

/// A committed change that subscribers are interested in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    BookChanged(BookChange),
    SessionEnded(SessionId),
}

/// A change of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BookChange {
    pub(crate) owner: UserId,
    pub(crate) book: BookId,
    pub(crate) kind: ChangeKind,
}

/// The kind of a change of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Created,
    /// The book has this version after the change.
    Updated(i32),
    Deleted,
}

impl ChangeKind {
    /// Increases with every change of the same book.
    fn order(self) -> i32 {
        match self {
            Self::Created => 1,
            Self::Updated(version) => version,
            Self::Deleted => i32::MAX,
        }
    }
}

/// What a subscriber subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Topic {
    BooksOf(UserId),
    Session(SessionId),
}

impl Event {
    fn topic(self) -> Topic {
        match self {
            Self::BookChanged(change) => Topic::BooksOf(change.owner),
            Self::SessionEnded(session) => Topic::Session(session),
        }
    }
}

/// Publishes events and delivers them to subscribers.
#[derive(Clone, Debug)]
pub(crate) struct EventBus {
    broker: Arc<Broker>,
    /// Publishes to all instances, including this one. `None` with SQLite.
    postgres: Option<Arc<Postgres>>,
}

impl EventBus {
    /// Connects the event connections, which record outages in `outage`.
    pub(super) async fn connect(
        database: &Database,
        outage: Arc<LastOutage>,
    ) -> anyhow::Result<Self> {
        let broker = Arc::new(Broker::default());
        let postgres = match database {
            Database::Sqlite(_) => None,
            Database::Postgres(url) => {
                let broker = Arc::clone(&broker);
                Some(Arc::new(Postgres::connect(url.expose_secret(), broker, outage).await?))
            }
        };
        Ok(Self { broker, postgres })
    }

    /// Publishes committed changes. Returns once the events precede those of any later change on every
    /// instance, or after `PUBLISH_TIMEOUT` if the database is unavailable.
    pub(super) async fn publish(&self, events: &[Event]) {
        match &self.postgres {
            Some(postgres) => postgres.publish(events).await,
            None => events.iter().for_each(|event| self.broker.deliver(*event)),
        }
    }

    /// Re-delivers `SessionEnded` to local subscribers that missed it.
    pub(crate) fn redeliver_session_ended(&self, session: SessionId) {
        self.broker.deliver(Event::SessionEnded(session));
    }

    /// Subscribes to the changes of an account's books.
    pub(crate) fn books_of(&self, owner: UserId) -> Subscriber {
        self.broker.subscribe(Topic::BooksOf(owner))
    }

    /// Subscribes to the end of a session.
    pub(crate) fn session(&self, session: SessionId) -> Subscriber {
        self.broker.subscribe(Topic::Session(session))
    }
}

/// The subscribers of this process, by topic.
#[derive(Debug)]
struct Broker {
    topics: Mutex<HashMap<Topic, broadcast::Sender<Event>>>,
    /// The order of the last change that was delivered for each book. Drops the duplicates of a replay
    /// after an outage. Of two concurrent changes through two instances, drops the older one if it
    /// arrives last: a subscriber that received the newer one has read the book after both changes.
    delivered: Cache<BookId, i32>,
}

impl Default for Broker {
    fn default() -> Self {
        Self { topics: Mutex::default(), delivered: Cache::new(DEDUP_CACHE_SIZE) }
    }
}

impl Broker {
    fn subscribe(self: &Arc<Self>, topic: Topic) -> Subscriber {
        let mut topics = self.topics();
        let capacity = match topic {
            Topic::BooksOf(_) => CHANNEL_CAPACITY,
            // A session ends only once.
            Topic::Session(_) => 1,
        };
        let sender = topics.entry(topic).or_insert_with(|| broadcast::Sender::new(capacity));
        Subscriber { events: sender.subscribe(), topic, broker: Arc::clone(self) }
    }

    fn deliver(&self, event: Event) {
        let topics = self.topics();
        // Recorded even without subscribers, so that a later subscriber does not receive it from a replay.
        if let Event::BookChanged(change) = event {
            let order = change.kind.order();
            if self.delivered.get(&change.book).is_some_and(|last| last >= order) {
                return;
            }
            self.delivered.insert(change.book, order);
        }
        if let Some(sender) = topics.get(&event.topic()) {
            // An error means that there are no receivers.
            let _ = sender.send(event);
        }
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, broadcast::Sender<Event>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receives every event of a topic that is delivered after it subscribed.
#[derive(Debug)]
pub(crate) struct Subscriber {
    events: broadcast::Receiver<Event>,
    topic: Topic,
    broker: Arc<Broker>,
}

/// The subscriber was too slow and has missed events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("events were missed")]
pub(crate) struct Lagged;

impl Subscriber {
    /// Waits for the next event and returns it.
    pub(crate) async fn next(&mut self) -> Result<Event, Lagged> {
        match self.events.recv().await {
            Ok(event) => Ok(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Err(Lagged),
            // Does not happen: the sender exists for as long as its topic has subscribers.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Subscriber {
    /// Removes the topic when its last subscriber is dropped.
    fn drop(&mut self) {
        let mut topics = self.broker.topics();
        if topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() <= 1) {
            topics.remove(&self.topic);
        }
    }
}

/// The wire format: one line.
impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BookChanged(BookChange { owner, book, kind }) => {
                let (owner, book) = (Uuid::from(*owner).simple(), Uuid::from(*book).simple());
                match kind {
                    ChangeKind::Created => write!(f, "created {owner} {book}"),
                    ChangeKind::Updated(version) => write!(f, "updated {owner} {book} {version}"),
                    ChangeKind::Deleted => write!(f, "deleted {owner} {book}"),
                }
            }
            Self::SessionEnded(session) => write!(f, "ended {}", Uuid::from(*session).simple()),
        }
    }
}

/// A line that cannot be parsed, perhaps from a newer version of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid event")]
pub(crate) struct ParseEventError;

impl FromStr for Event {
    type Err = ParseEventError;

    fn from_str(line: &str) -> Result<Self, ParseEventError> {
        fn id<Id: From<Uuid>>(text: &str) -> Result<Id, ParseEventError> {
            Uuid::try_parse(text).map(Id::from).map_err(|_| ParseEventError)
        }
        let words: Vec<&str> = line.split(' ').collect();
        let (owner, book, kind) = match words[..] {
            ["ended", session] => return Ok(Self::SessionEnded(id(session)?)),
            ["created", owner, book] => (owner, book, ChangeKind::Created),
            ["updated", owner, book, version] => {
                (owner, book, ChangeKind::Updated(version.parse().map_err(|_| ParseEventError)?))
            }
            ["deleted", owner, book] => (owner, book, ChangeKind::Deleted),
            _ => return Err(ParseEventError),
        };
        Ok(Self::BookChanged(BookChange { owner: id(owner)?, book: id(book)?, kind }))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::clock::Clock;
    use crate::id::IdGenerator;

    fn change(owner: UserId, book: BookId, kind: ChangeKind) -> Event {
        Event::BookChanged(BookChange { owner, book, kind })
    }

    fn received(subscriber: &mut Subscriber) -> Vec<Event> {
        std::iter::from_fn(|| subscriber.next().now_or_never().and_then(Result::ok)).collect()
    }

    #[test]
    fn events_round_trip_as_text() {
        let ids = IdGenerator::new(Clock::system());
        let (owner, book) = (ids.next(), ids.next());
        for event in [
            change(owner, book, ChangeKind::Created),
            change(owner, book, ChangeKind::Updated(i32::MAX)),
            change(owner, book, ChangeKind::Deleted),
            Event::SessionEnded(ids.next()),
        ] {
            let line = event.to_string();
            assert_eq!(line.parse(), Ok(event));
            assert!(line.len() < 90, "{line}");
        }
        for nonsense in ["", "created", "ended 1", "renamed a b"] {
            assert_eq!(nonsense.parse::<Event>(), Err(ParseEventError));
        }
    }

    #[test]
    fn subscribers_receive_their_owners_changes_in_order_and_once() {
        let ids = IdGenerator::new(Clock::system());
        let (alice, bob, book): (UserId, UserId, BookId) = (ids.next(), ids.next(), ids.next());
        let broker = Arc::new(Broker::default());
        let before = change(alice, ids.next(), ChangeKind::Created);
        broker.deliver(before);
        let mut subscriber = broker.subscribe(Topic::BooksOf(alice));
        let made = [
            change(alice, book, ChangeKind::Created),
            change(alice, book, ChangeKind::Updated(2)),
            change(alice, book, ChangeKind::Updated(4)),
            change(alice, book, ChangeKind::Deleted),
        ];
        broker.deliver(change(bob, ids.next(), ChangeKind::Created));
        broker.deliver(before);
        for event in made {
            broker.deliver(event);
            broker.deliver(event);
            broker.deliver(change(alice, book, ChangeKind::Updated(2)));
        }
        assert_eq!(received(&mut subscriber), made);
    }

    #[test]
    fn a_slow_subscriber_gets_a_lagged_error() {
        let ids = IdGenerator::new(Clock::system());
        let alice = ids.next();
        let broker = Arc::new(Broker::default());
        let mut subscriber = broker.subscribe(Topic::BooksOf(alice));
        for _ in 0..=CHANNEL_CAPACITY {
            broker.deliver(change(alice, ids.next(), ChangeKind::Created));
        }
        assert_eq!(subscriber.next().now_or_never(), Some(Err(Lagged)));
    }

    #[test]
    fn a_topic_without_subscribers_is_removed() {
        let broker = Arc::new(Broker::default());
        let topic = Topic::BooksOf(IdGenerator::new(Clock::system()).next());
        let (first, second) = (broker.subscribe(topic), broker.subscribe(topic));
        drop(first);
        assert_eq!(broker.topics().len(), 1);
        drop(second);
        assert_eq!(broker.topics().len(), 0);
    }
}
