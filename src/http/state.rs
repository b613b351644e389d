//! What the request handlers share.

use std::ops::Deref;
use std::sync::Arc;

use super::client_limit::ClientLimiter;
use super::database_check::DatabaseCheck;
use super::origin_warnings::OriginWarnings;
use super::shutdown::Shutdown;
use crate::config::Config;
use crate::graphql::Services;
use crate::graphql::execute::GraphqlService;

/// The state that all request handlers share. axum clones it several times for each request, so it has a single
/// counter of references.
#[derive(Clone, Debug)]
pub(crate) struct AppState(Arc<SharedState>);

#[derive(Debug)]
pub(crate) struct SharedState {
    pub(super) services: Arc<Services>,
    pub(super) api: Arc<GraphqlService>,
    pub(super) config: Arc<Config>,
    /// Limits the bytes of request bodies in memory.
    pub(super) bodies: Arc<ClientLimiter>,
    /// Limits the covers that are being sent.
    pub(super) covers: Arc<ClientLimiter>,
    /// Limits the exports that are being sent.
    pub(super) exports: Arc<ClientLimiter>,
    /// Limits the WebSocket connections of each client.
    pub(super) websockets: Arc<ClientLimiter>,
    pub(super) origin_warnings: Arc<OriginWarnings>,
    /// The latest check of the database, for readiness.
    pub(super) database_check: Arc<DatabaseCheck>,
    /// Streams and WebSocket connections end when shutdown begins, and it waits for them.
    pub(super) shutdown: Shutdown,
}

impl AppState {
    pub(crate) fn new(
        services: Arc<Services>,
        api: Arc<GraphqlService>,
        config: Arc<Config>,
        shutdown: Shutdown,
    ) -> Self {
        let limits = &config.limits;
        let bodies = ClientLimiter::new(
            limits.bodies_in_flight_bytes,
            limits.bodies_in_flight_bytes_per_client,
        );
        let covers = ClientLimiter::new(limits.cover_downloads, limits.cover_downloads_per_client);
        let exports =
            ClientLimiter::new(limits.export_downloads, limits.export_downloads_per_client);
        let websockets = ClientLimiter::new(usize::MAX, limits.websockets_per_client);
        let (origin_warnings, database_check) = Default::default();
        Self(Arc::new(SharedState {
            services,
            api,
            config,
            bodies,
            covers,
            exports,
            websockets,
            origin_warnings,
            database_check,
            shutdown,
        }))
    }
}

impl Deref for AppState {
    type Target = SharedState;

    fn deref(&self) -> &SharedState {
        &self.0
    }
}
