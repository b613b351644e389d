//! Health endpoints for monitoring and load balancers.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::state::AppState;

/// Liveness: the process responds.
pub(super) async fn live() -> Response {
    report(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// Readiness: the server is not about to stop, the database responds, and an operation would not be rejected for
/// overload, so requests may be sent to this instance. Each check counts as an operation.
pub(super) async fn ready(State(state): State<AppState>) -> Response {
    let permit = state.api.permit();
    let ready = !state.shutdown.is_announced()
        && permit.is_some()
        && state.database_check.is_up(&state.services.store, &state.services.clock).await;
    if ready {
        report(StatusCode::OK, r#"{"status":"ok"}"#)
    } else {
        report(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"unavailable"}"#)
    }
}

fn report(status: StatusCode, body: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body)
        .into_response()
}
