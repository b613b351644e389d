//! What the request handlers share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection_limit::ConnectionLimiter;
use crate::config::Config;
use crate::graphql::Services;
use crate::graphql::execute::GraphqlService;

/// The state that all request handlers share.
pub(crate) struct AppState {
    pub(super) services: Arc<Services>,
    pub(super) api: Arc<GraphqlService>,
    pub(super) config: Config,
    /// Cancelled when shutdown begins; streams end then.
    pub(super) stopping: CancellationToken,
    /// Limits the WebSocket connections of each client.
    pub(super) websockets: Arc<ConnectionLimiter>,
    /// Tasks of WebSocket connections and subscription streams. Shutdown waits for them.
    pub(super) tasks: TaskTracker,
}

impl AppState {
    pub(crate) fn new(
        services: Arc<Services>,
        api: Arc<GraphqlService>,
        config: Config,
        stopping: CancellationToken,
        tasks: TaskTracker,
    ) -> Self {
        let websockets = ConnectionLimiter::new(usize::MAX, config.limits.websockets_per_client);
        Self { services, api, config, stopping, websockets, tasks }
    }
}
