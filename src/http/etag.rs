//! Conditional requests (RFC 9110, section 13.1.2).

use axum::http::{HeaderMap, header};

/// Whether the client has the content with this `ETag`, which is in quotation marks. Weak and strong tags are compared alike.
pub(super) fn is_current(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.to_str().is_ok_and(|tags| {
            tags.split(',')
                .map(|tag| tag.trim().trim_start_matches("W/"))
                .any(|tag| tag == etag || tag == "*")
        })
    })
}
