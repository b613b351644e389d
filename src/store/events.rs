//! What has happened, told to whoever listens, on any copy of the server: within the process, and over
//! `LISTEN` and `NOTIFY` on PostgreSQL if there are other copies.
//!
//! Events are told after their change is committed, and are not kept: who listens hears of what
//! happens from then on.

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

/// How many events a listener may be behind before it is cut off.
const CHANNEL_CAPACITY: usize = 64;

/// How many books' latest versions are remembered, to tell an old event from a new one.
const DEDUP_CACHE_SIZE: usize = 16_384;

/// Something that has happened.
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

/// What was done to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Created,
    /// The book has this version since.
    Updated(i32),
    Deleted,
}

impl ChangeKind {
    /// Grows with every change of the same book.
    fn order(self) -> i32 {
        match self {
            Self::Created => 1,
            Self::Updated(version) => version,
            Self::Deleted => i32::MAX,
        }
    }
}

/// What a listener listens to.
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

/// Tells events, and those who listen.
#[derive(Clone, Debug)]
pub(crate) struct EventBus {
    hub: Arc<Broker>,
    /// The way to the other copies, if there are any, and back to this one.
    postgres: Option<Arc<Postgres>>,
}

impl EventBus {
    /// Outages are noticed here first.
    pub(super) async fn connect(
        database: &Database,
        outage: Arc<LastOutage>,
    ) -> anyhow::Result<Self> {
        let hub = Arc::new(Broker::default());
        let postgres = match database {
            Database::Sqlite(_) => None,
            Database::Postgres(url) => {
                let hub = Arc::clone(&hub);
                Some(Arc::new(Postgres::connect(url.expose_secret(), hub, outage).await?))
            }
        };
        Ok(Self { hub, postgres })
    }

    /// Tells what has been committed. When this is done, it has been told before whatever anybody
    /// does next, on any copy of the server; unless the database is away, which nobody waits for.
    pub(super) async fn publish(&self, events: &[Event]) {
        match &self.postgres {
            Some(postgres) => postgres.publish(events).await,
            None => events.iter().for_each(|event| self.hub.deliver(*event)),
        }
    }

    /// Tells those who listen here that a session has ended, for they have missed it.
    pub(crate) fn redeliver_session_ended(&self, session: SessionId) {
        self.hub.deliver(Event::SessionEnded(session));
    }

    /// Listens to the changes of an account's books.
    pub(crate) fn books_of(&self, owner: UserId) -> Subscriber {
        self.hub.listen(Topic::BooksOf(owner))
    }

    /// Listens for the end of a session.
    pub(crate) fn session(&self, session: SessionId) -> Subscriber {
        self.hub.listen(Topic::Session(session))
    }
}

/// Who listens to what in this process.
#[derive(Debug)]
struct Broker {
    topics: Mutex<HashMap<Topic, broadcast::Sender<Event>>>,
    /// The order of the last change that was told of a book. What is told twice, after an outage, is
    /// dropped; so is the older of two changes that were made at once through two copies of the
    /// server, if it is told last: whoever heard of the newer one has read the book after both.
    told: Cache<BookId, i32>,
}

impl Default for Broker {
    fn default() -> Self {
        Self { topics: Mutex::default(), told: Cache::new(DEDUP_CACHE_SIZE) }
    }
}

impl Broker {
    fn listen(self: &Arc<Self>, topic: Topic) -> Subscriber {
        let mut topics = self.topics();
        let backlog = match topic {
            Topic::BooksOf(_) => CHANNEL_CAPACITY,
            // A session ends once.
            Topic::Session(_) => 1,
        };
        let sender = topics.entry(topic).or_insert_with(|| broadcast::Sender::new(backlog));
        Subscriber { events: sender.subscribe(), topic, hub: Arc::clone(self) }
    }

    fn deliver(&self, event: Event) {
        let topics = self.topics();
        // Also if nobody listens: who listens later does not hear of it when it is told again.
        if let Event::BookChanged(change) = event {
            let order = change.kind.order();
            if self.told.get(&change.book).is_some_and(|told| told >= order) {
                return;
            }
            self.told.insert(change.book, order);
        }
        if let Some(sender) = topics.get(&event.topic()) {
            // Without a receiver there is nobody to tell.
            let _ = sender.send(event);
        }
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, broadcast::Sender<Event>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears of everything in a topic from the moment it was made.
#[derive(Debug)]
pub(crate) struct Subscriber {
    events: broadcast::Receiver<Event>,
    topic: Topic,
    hub: Arc<Broker>,
}

/// The listener did not keep up, and has missed events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("events were missed")]
pub(crate) struct Lagged;

impl Subscriber {
    /// The next event. Waits for as long as there is none.
    pub(crate) async fn next(&mut self) -> Result<Event, Lagged> {
        match self.events.recv().await {
            Ok(event) => Ok(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Err(Lagged),
            // The sender lives as long as anybody listens.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Subscriber {
    /// The last one turns off the light.
    fn drop(&mut self) {
        let mut topics = self.hub.topics();
        if topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() <= 1) {
            topics.remove(&self.topic);
        }
    }
}

/// One line, as it goes over the wire.
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

/// A line that is no event, perhaps of a newer server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no event")]
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

    fn heard(listener: &mut Subscriber) -> Vec<Event> {
        std::iter::from_fn(|| listener.next().now_or_never().and_then(Result::ok)).collect()
    }

    #[test]
    fn an_event_reads_back_as_itself() {
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
    fn each_owner_hears_of_their_own_books_in_order_and_once() {
        let ids = IdGenerator::new(Clock::system());
        let (alice, bob, book): (UserId, UserId, BookId) = (ids.next(), ids.next(), ids.next());
        let hub = Arc::new(Broker::default());
        let before = change(alice, ids.next(), ChangeKind::Created);
        hub.deliver(before);
        let mut listener = hub.listen(Topic::BooksOf(alice));
        let made = [
            change(alice, book, ChangeKind::Created),
            change(alice, book, ChangeKind::Updated(2)),
            change(alice, book, ChangeKind::Updated(4)),
            change(alice, book, ChangeKind::Deleted),
        ];
        hub.deliver(change(bob, ids.next(), ChangeKind::Created));
        hub.deliver(before);
        for event in made {
            hub.deliver(event);
            hub.deliver(event);
            hub.deliver(change(alice, book, ChangeKind::Updated(2)));
        }
        assert_eq!(heard(&mut listener), made);
    }

    #[test]
    fn who_does_not_keep_up_is_told_so() {
        let ids = IdGenerator::new(Clock::system());
        let alice = ids.next();
        let hub = Arc::new(Broker::default());
        let mut listener = hub.listen(Topic::BooksOf(alice));
        for _ in 0..=CHANNEL_CAPACITY {
            hub.deliver(change(alice, ids.next(), ChangeKind::Created));
        }
        assert_eq!(listener.next().now_or_never(), Some(Err(Lagged)));
    }

    #[test]
    fn a_topic_without_listeners_is_forgotten() {
        let hub = Arc::new(Broker::default());
        let topic = Topic::BooksOf(IdGenerator::new(Clock::system()).next());
        let (first, second) = (hub.listen(topic), hub.listen(topic));
        drop(first);
        assert_eq!(hub.topics().len(), 1);
        drop(second);
        assert_eq!(hub.topics().len(), 0);
    }
}
