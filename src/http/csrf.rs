//! Rejects requests that a page of another origin could have sent without a CORS preflight. Browsers send
//! no preflight for "simple" requests (Fetch, section 3.2.2). Apollo Server has the same rule.

use axum::http::{HeaderMap, HeaderValue, Method, header};

use super::error_response::HttpError;
use crate::config::Origin;
use crate::graphql::error::ErrorCode;

/// Either header proves a preflight: a page of another origin cannot set it without one.
const PREFLIGHT_HEADERS: [&str; 2] = ["apollo-require-preflight", "x-apollo-operation-name"];

/// The media types that forms and scripts may send to any origin without a preflight.
const SIMPLE_TYPES: [&str; 3] =
    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

/// Rejects a POST that a page of another origin could have sent without a preflight. A GET changes
/// nothing, and no credential that a browser adds by itself authorises it.
pub(super) fn check(method: &Method, headers: &HeaderMap) -> Result<(), HttpError> {
    let preflighted = PREFLIGHT_HEADERS
        .iter()
        .any(|name| headers.get(*name).is_some_and(|value| !value.is_empty()));
    if method != Method::POST || preflighted || !is_simple(headers) {
        return Ok(());
    }
    let message = "Send the request as application/json, or add the header \
                   Apollo-Require-Preflight: true.";
    Err(HttpError::new(ErrorCode::CsrfBlocked, message))
}

/// Whether a browser treats the body as that of a form. A content type that cannot be parsed counts
/// as simple.
fn is_simple(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    !essence.contains('/') || SIMPLE_TYPES.iter().any(|simple| essence.eq_ignore_ascii_case(simple))
}

/// The value of an `Origin` header; `None` if it is not an origin, such as `null`.
pub(super) fn parse_origin(header: &HeaderValue) -> Option<Origin> {
    header.to_str().ok()?.parse().ok()
}

/// Checks whether a page of this origin may open a WebSocket. Browsers send no preflight for WebSockets,
/// and let the page read all messages. Pages of this server and of the listed origins may connect. A
/// client that is not a browser sends no `Origin` (RFC 6455, section 10.2).
pub(super) fn check_origin(headers: &HeaderMap, allowed: &[Origin]) -> Result<(), HttpError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if parse_origin(origin).is_some_and(|it| it.has_host(host) || allowed.contains(&it)) {
        return Ok(());
    }
    let message = "Pages of this origin may not connect. CORS_ORIGINS lists the allowed origins.";
    Err(HttpError::new(ErrorCode::CsrfBlocked, message))
}
