//! Publishes events to the subscribers of all instances: within the process, and over PostgreSQL's `LISTEN`
//! and `NOTIFY` if there are other instances.
//!
//! An event is published after its change is committed. Events are not stored for subscribers: a
//! subscriber receives those that are published after it subscribed.

use std::sync::Arc;

use super::connector::Connector;
use super::last_outage::LastOutage;
use super::server_lock::Role;
use crate::id::{SessionId, UserId};

mod broker;
mod event;
mod postgres;

pub(crate) use broker::Subscriber;
use broker::{Broker, Topic};
pub(crate) use event::{BookChange, ChangeKind, Event};
use postgres::Postgres;

/// Publishes events and delivers them to subscribers.
#[derive(Clone, Debug)]
pub(crate) struct EventBus {
    broker: Arc<Broker>,
    /// Publishes to all instances, including this one. `None` with SQLite.
    postgres: Option<Arc<Postgres>>,
}

impl EventBus {
    /// Connects the event connections, which record outages in `outage`. That of a server shares the lock of servers.
    /// Without a connector, the events stay in this process.
    pub(super) async fn connect(
        connector: Option<&Connector>,
        role: Role,
        outage: Arc<LastOutage>,
    ) -> anyhow::Result<Self> {
        let broker = Arc::new(Broker::default());
        let postgres = match connector {
            None => None,
            Some(connector) => {
                let broker = Arc::clone(&broker);
                Some(Arc::new(Postgres::connect(connector.clone(), role, broker, outage).await?))
            }
        };
        Ok(Self { broker, postgres })
    }

    /// Publishes committed changes. Afterwards, the events precede those of any later change on every instance. If the
    /// database is unavailable, this waits for `FLUSH_TIMEOUT` at most.
    pub(super) async fn publish(&self, events: &[Event]) {
        match &self.postgres {
            Some(postgres) => postgres.publish(events).await,
            None => events.iter().for_each(|event| self.broker.deliver(*event)),
        }
    }

    /// Waits until the events are sent, or for `FLUSH_TIMEOUT` if the database is unavailable.
    pub(super) async fn flush(&self) {
        if let Some(postgres) = &self.postgres {
            postgres.flush().await;
        }
    }

    /// Re-delivers `SessionEnded` to local subscribers that missed it.
    pub(crate) fn redeliver_session_ended(&self, session: SessionId) {
        self.broker.deliver(Event::SessionEnded(session));
    }

    /// Subscribes to the changes of an account's books.
    pub(crate) fn subscribe_to_books(&self, owner: UserId) -> Subscriber {
        self.broker.subscribe(Topic::Books(owner))
    }

    /// Whether the events of other processes arrive here. Not with SQLite, where `bookshelf user` may be one.
    pub(crate) fn reaches_all_processes(&self) -> bool {
        self.postgres.is_some()
    }

    /// Subscribes to the end of a session. [`Lagged`](broker::Lagged) means that the session may have ended.
    pub(crate) fn subscribe_to_session(&self, session: SessionId) -> Subscriber {
        self.broker.subscribe(Topic::Session(session))
    }
}
