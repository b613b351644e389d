//! HTTP: the server, its routes and layers, and the GraphQL over HTTP protocol.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower::util::option_layer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

mod client_info;
mod connection_limit;
mod cookie;
mod csrf;
mod error_response;
mod forwarded;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod graphiql;
mod graphql;
mod health;
mod json;
mod media_type;
mod operation_log;
mod parameters;
mod rate_limit_headers;
mod request;
mod request_id;
mod response;
mod sdl;
mod server;
mod shutdown;
mod state;
mod status;
mod subscription_stream;
mod timeouts;
mod upload;
mod websocket;

use rate_limit_headers::{RATE_LIMIT, RATE_LIMIT_POLICY};
use sdl::SchemaFile;
pub(crate) use server::HttpServer;
pub(crate) use shutdown::Shutdown;
pub(crate) use state::AppState;

/// Builds the routes and their layers. The outermost layer gives every request an id and turns a panic
/// into a response. The CORS layer responds to preflight requests before any route does.
pub(crate) fn router(state: AppState) -> Router {
    let mut router = Router::new()
        .route(
            "/graphql",
            get(graphql::serve).post(graphql::serve).fallback(graphql::method_not_allowed),
        )
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready));
    if state.config.introspection {
        let file = Arc::new(SchemaFile::new(state.api.sdl()));
        router = router.route("/schema.graphql", get(sdl::get).with_state(file));
    }
    if state.config.graphiql {
        router =
            router.route("/", get(graphiql::page)).route("/assets/{*path}", get(graphiql::asset));
    }
    router
        .layer(option_layer(cors(&state.config.cors_origins)))
        .layer(from_fn_with_state(state.clone(), request_id::wrap))
        .with_state(state)
}

/// Allows requests with credentials from the listed origins only. `None` if the list is empty, because
/// a CORS layer would respond to every OPTIONS request itself.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    if origins.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            HeaderName::from_static("x-request-id"),
            RATE_LIMIT,
            RATE_LIMIT_POLICY,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
        ])
        .max_age(Duration::from_secs(3_600));
    Some(layer)
}
