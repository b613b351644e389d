//! HTTP: the server, its routes and layers, and the GraphQL over HTTP protocol.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::from_fn;
use axum::routing::get;
use tower::util::{MapRequestLayer, MapResponseLayer, option_layer};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};

mod client_info;
mod client_limit;
mod cookie;
mod covers;
mod csrf;
mod database_check;
mod error_response;
mod etag;
mod exports;
mod forwarded;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod graphiql;
mod graphql;
mod health;
mod json;
mod media_type;
mod operation_log;
mod origin_warnings;
mod panic;
mod parameters;
mod rate_limit_headers;
mod request;
mod request_id;
mod response;
mod response_headers;
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
use request_id::{RequestIds, X_REQUEST_ID, remove_client_id};
use sdl::SchemaFile;
pub(crate) use server::HttpServer;
pub(crate) use shutdown::Shutdown;
pub(crate) use state::AppState;

use crate::config::Origin;

/// Builds the routes and their layers. The outermost layers give every request an id, add headers to every
/// response, and turn a panic into a response. The CORS layer responds to preflight requests before any
/// route does.
pub(crate) fn router(state: AppState) -> Router {
    let endpoint = get(graphql::serve).post(graphql::serve).fallback(graphql::method_not_allowed);
    let mut router = Router::new()
        .route("/graphql", endpoint.clone())
        .route("/graphql/", endpoint)
        .route("/exports/{token}/{name}", get(exports::download))
        .route("/covers/{key}/{size}", get(covers::get))
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
    let warnings = state.clone();
    let warn_about_origin = move |request: Request| {
        warnings.origin_warnings.check(request.headers(), &warnings.config.cors_origins);
        request
    };
    // One tuple, because axum boxes and clones what each call of `layer` makes, for each request.
    router
        .layer((
            MapRequestLayer::new(remove_client_id),
            SetRequestIdLayer::new(X_REQUEST_ID, RequestIds(Arc::clone(&state.services))),
            PropagateRequestIdLayer::new(X_REQUEST_ID),
            MapResponseLayer::new(response_headers::set),
            from_fn(panic::catch),
            // Before the CORS layer, which responds to preflight requests.
            MapRequestLayer::new(warn_about_origin),
            option_layer(cors(&state.config.cors_origins)),
        ))
        .with_state(state)
}

/// Allows requests with credentials from the listed origins only. `None` if the list is empty, because
/// a CORS layer would respond to every OPTIONS request itself.
fn cors(origins: &[Origin]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origins = origins.to_vec();
    let is_allowed = move |origin: &HeaderValue, _: &Parts| {
        csrf::parse_origin(origin).is_some_and(|origin| origins.contains(&origin))
    };
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            X_REQUEST_ID,
            RATE_LIMIT,
            RATE_LIMIT_POLICY,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
        ])
        .max_age(Duration::from_secs(3_600));
    Some(layer)
}
