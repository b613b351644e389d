//! What the instances send each other, and the delays that the publisher and the subscriber share.

use std::time::Duration;

/// The channel of `LISTEN` and `NOTIFY`.
pub(super) const CHANNEL: &str = "bookshelf_events";

/// Carries no event; shows that the connection works.
pub(super) const HEARTBEAT: &str = "beat";

/// Requests every instance to replay its recent events, because one instance may have missed some.
pub(super) const REPLAY: &str = "again";

/// How long events are kept for a replay.
pub(super) const REPLAY_WINDOW: Duration = Duration::from_secs(60);

/// Delay before a failed connection or notification is retried.
pub(super) const RETRY_DELAY: Duration = Duration::from_millis(200);

/// A connection that receives nothing for this long counts as lost, even if TCP reports no error.
pub(super) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(25);
