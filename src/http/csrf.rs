//! Requests that a page of another origin could have sent without being asked for leave: "simple"
//! ones, for which browsers make no preflight (Fetch, section 3.2.2; as Apollo Server has it).

use axum::http::{HeaderMap, Method, header};

use super::error_response::HttpError;
use crate::graphql::error::ErrorCode;

/// Either shows that there was a preflight: a foreign page cannot add them without.
const PREFLIGHT_HEADERS: [&str; 2] = ["apollo-require-preflight", "x-apollo-operation-name"];

/// The media types that forms and scripts may send anywhere.
const SIMPLE_TYPES: [&str; 3] =
    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

/// Lets a POST pass that a foreign page could not have sent. A GET changes nothing, and carries no
/// authority that a browser would add by itself.
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

/// Whether a browser takes the body for one of a form. A type that cannot be read counts as such.
fn is_simple(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    !essence.contains('/') || SIMPLE_TYPES.iter().any(|simple| essence.eq_ignore_ascii_case(simple))
}

/// Whether a page of this origin may open a WebSocket: browsers make no preflight for those and
/// hide nothing from them. Its own pages may, and those of the listed origins; a program that is no
/// browser sends no `Origin` (RFC 6455, section 10.2).
pub(super) fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), HttpError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    if authority.is_some_and(|it| it.eq_ignore_ascii_case(host)) || allowed.contains(&origin) {
        return Ok(());
    }
    let message = "Pages of this origin may not connect; CORS_ORIGINS lists those that may.";
    Err(HttpError::new(ErrorCode::CsrfBlocked, message))
}
