//! Delivers events to the subscribers of this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::sync::Cache;
use tokio::sync::broadcast;

use super::event::{BookChange, Event};
use crate::id::{BookId, SessionId, UserId};

/// How many events a subscriber may be behind before it misses events and gets [`Lagged`].
pub(super) const CHANNEL_CAPACITY: usize = 64;

/// For how many books the latest version is cached, to detect old events.
const DEDUP_CACHE_SIZE: usize = 16_384;

/// What a subscriber subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Topic {
    Books(UserId),
    Session(SessionId),
}

impl From<Event> for Topic {
    fn from(event: Event) -> Self {
        match event {
            Event::BookChanged(BookChange { owner, .. }) | Event::LibraryChanged(owner) => {
                Self::Books(owner)
            }
            Event::SessionEnded(session) => Self::Session(session),
        }
    }
}

/// What a subscriber receives: an event, or that it has missed some.
type Delivery = Result<Event, Lagged>;

/// The subscribers of this process, by topic.
#[derive(Debug)]
pub(super) struct Broker {
    topics: Mutex<HashMap<Topic, broadcast::Sender<Delivery>>>,
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
    pub(super) fn subscribe(self: &Arc<Self>, topic: Topic) -> Subscriber {
        let mut topics = self.topics();
        let capacity = match topic {
            Topic::Books(_) => CHANNEL_CAPACITY,
            // A session ends only once.
            Topic::Session(_) => 1,
        };
        let sender = topics.entry(topic).or_insert_with(|| broadcast::Sender::new(capacity));
        Subscriber { events: sender.subscribe(), topic, broker: Arc::clone(self) }
    }

    pub(super) fn deliver(&self, event: Event) {
        let topics = self.topics();
        // Recorded even without subscribers, so that a later subscriber does not receive it from a replay.
        if let Event::BookChanged(change) = event {
            let order = change.kind.order();
            if self.delivered.get(&change.book).is_some_and(|last| last >= order) {
                return;
            }
            self.delivered.insert(change.book, order);
        }
        if let Some(sender) = topics.get(&event.into()) {
            let delivery = match event {
                // To read the library again, as after events that were missed, takes less than one event for each book.
                Event::LibraryChanged(_) => Err(Lagged),
                event => Ok(event),
            };
            // An error means that there are no receivers.
            let _ = sender.send(delivery);
        }
    }

    /// Tells all subscribers that they may have missed events.
    pub(super) fn fail_subscribers(&self) {
        for sender in self.topics().values() {
            // An error means that there are no receivers.
            let _ = sender.send(Err(Lagged));
        }
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, broadcast::Sender<Delivery>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receives every event of a topic that is delivered after it subscribed.
#[derive(Debug)]
pub(crate) struct Subscriber {
    events: broadcast::Receiver<Delivery>,
    topic: Topic,
    broker: Arc<Broker>,
}

/// The subscriber was too slow, or this instance was disconnected, and events were missed; or many books have changed at
/// once, without single events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("events were missed")]
pub(crate) struct Lagged;

impl Subscriber {
    /// Waits for the next event and returns it.
    pub(crate) async fn next(&mut self) -> Result<Event, Lagged> {
        match self.events.recv().await {
            Ok(delivery) => delivery,
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::clock::Clock;
    use crate::id::IdGenerator;
    use crate::store::events::event::ChangeKind;

    fn change(owner: UserId, book: BookId, kind: ChangeKind) -> Event {
        Event::BookChanged(BookChange { owner, book, kind })
    }

    fn received(subscriber: &mut Subscriber) -> Vec<Event> {
        std::iter::from_fn(|| subscriber.next().now_or_never().and_then(Result::ok)).collect()
    }

    #[test]
    fn subscribers_receive_their_owners_changes_in_order_and_once() {
        let ids = IdGenerator::new(Clock::system());
        let (alice, bob, book): (UserId, UserId, BookId) = (ids.next(), ids.next(), ids.next());
        let broker = Arc::new(Broker::default());
        let before = change(alice, ids.next(), ChangeKind::Created);
        broker.deliver(before);
        let mut subscriber = broker.subscribe(Topic::Books(alice));
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
        let mut subscriber = broker.subscribe(Topic::Books(alice));
        for _ in 0..=CHANNEL_CAPACITY {
            broker.deliver(change(alice, ids.next(), ChangeKind::Created));
        }
        assert_eq!(subscriber.next().now_or_never(), Some(Err(Lagged)));
    }

    #[test]
    fn many_changes_at_once_are_one_event_for_subscribers_of_the_owner() {
        let ids = IdGenerator::new(Clock::system());
        let (alice, bob): (UserId, UserId) = (ids.next(), ids.next());
        let broker = Arc::new(Broker::default());
        let [mut first, mut second] =
            [alice, bob].map(|owner| broker.subscribe(Topic::Books(owner)));
        broker.deliver(Event::LibraryChanged(alice));
        assert_eq!(first.next().now_or_never(), Some(Err(Lagged)));
        assert_eq!(second.next().now_or_never(), None);
    }

    #[test]
    fn subscribers_can_be_told_that_events_were_missed() {
        let ids = IdGenerator::new(Clock::system());
        let (alice, session) = (ids.next(), ids.next());
        let broker = Arc::new(Broker::default());
        let mut books = broker.subscribe(Topic::Books(alice));
        let mut end = broker.subscribe(Topic::Session(session));
        let event = change(alice, ids.next(), ChangeKind::Created);
        broker.deliver(event);
        broker.fail_subscribers();
        assert_eq!(books.next().now_or_never(), Some(Ok(event)));
        assert_eq!(books.next().now_or_never(), Some(Err(Lagged)));
        assert_eq!(end.next().now_or_never(), Some(Err(Lagged)));
        assert_eq!(end.next().now_or_never(), None);
        let mut later = broker.subscribe(Topic::Books(alice));
        assert_eq!(later.next().now_or_never(), None);
    }

    #[test]
    fn a_topic_without_subscribers_is_removed() {
        let broker = Arc::new(Broker::default());
        let topic = Topic::Books(IdGenerator::new(Clock::system()).next());
        let (first, second) = (broker.subscribe(topic), broker.subscribe(topic));
        drop(first);
        assert_eq!(broker.topics().len(), 1);
        drop(second);
        assert_eq!(broker.topics().len(), 0);
    }
}
