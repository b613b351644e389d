//! Health endpoints for monitoring and load balancers.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::state::AppState;

/// Timeout for the database to respond to the readiness check.
const READINESS_TIMEOUT: Duration = Duration::from_secs(2);

/// Liveness: the process responds.
pub(super) async fn live() -> Response {
    report(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// Readiness: the database responds too, and an operation would not be rejected for overload, so requests may be
/// sent to this instance. Each check counts as an operation, so that checks cannot overload the database.
pub(super) async fn ready(State(state): State<AppState>) -> Response {
    let unavailable = || report(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"unavailable"}"#);
    let Some(_permit) = state.api.permit() else { return unavailable() };
    match timeout(READINESS_TIMEOUT, state.services.store.ping()).await {
        Ok(Ok(())) => report(StatusCode::OK, r#"{"status":"ok"}"#),
        Ok(Err(_)) | Err(_) => unavailable(),
    }
}

fn report(status: StatusCode, body: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body)
        .into_response()
}
