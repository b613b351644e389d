//! What the instances send each other, and what the publisher and the subscriber of one instance share.

use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::store::events::event::Event;

/// The channel of `LISTEN` and `NOTIFY`.
pub(super) const CHANNEL: &str = "bookshelf_events";

/// Carries no event; shows that the connection works.
pub(super) const HEARTBEAT: &str = "beat";

/// Announces a new instance.
pub(super) const JOIN: &str = "hello";

/// Requests every instance to replay its recent events, because one instance may have missed some.
pub(super) const REPLAY: &str = "again";

/// Delay before a failed connection or notification is retried.
pub(super) const RETRY_DELAY: Duration = Duration::from_millis(200);

/// A connection that receives nothing for this long counts as lost, even if TCP reports no error.
pub(super) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(25);

/// An event to publish, and the sender that reports when it is published.
#[derive(Debug)]
pub(super) struct PendingEvent {
    pub(super) event: Event,
    pub(super) published: oneshot::Sender<()>,
}

/// Signals from the subscriber task to the publisher task.
#[derive(Debug, Default)]
pub(super) struct PublisherSignals {
    /// This instance may have missed events: request a replay.
    pub(super) missed: Notify,
    /// An instance requested a replay, or its join was missed.
    pub(super) replay: Notify,
    /// An instance has just joined.
    pub(super) join: Notify,
}
