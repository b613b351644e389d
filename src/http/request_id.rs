//! Adds the request id and common headers to every response, and responds if a handler panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::error_response::HttpError;
use super::state::AppState;
use crate::graphql::error::ErrorCode;
use crate::id::IdGenerator;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// Identifies one request, in the header `X-Request-Id` and in log lines.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) Arc<str>);

impl RequestId {
    pub(super) fn new(ids: &IdGenerator) -> Self {
        let id: uuid::Uuid = ids.next();
        Self(id.simple().to_string().into())
    }
}

pub(super) async fn wrap(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::new(&state.services.ids);
    let header_value = HeaderValue::from_str(&id.0);
    request.extensions_mut().insert(id.clone());

    let handled = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = handled.unwrap_or_else(|_| {
        tracing::error!(request_id = %id.0, "a handler panicked");
        let message = "Something went wrong on our side.";
        HttpError::new(ErrorCode::InternalServerError, message)
            .with_request_id(&id.0)
            .into_response()
    });
    let headers = response.headers_mut();
    if let Ok(id) = header_value {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    // Pages set their own policy.
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    response
}
