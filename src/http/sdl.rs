//! `GET /schema.graphql`: the schema in SDL.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::graphql;

/// The schema and its `ETag`, a hash of its bytes (RFC 9110, section 8.8.3).
static SDL: LazyLock<(String, String)> = LazyLock::new(|| {
    let sdl = graphql::sdl();
    let digest = hex::encode(&Sha256::digest(sdl.as_bytes())[..16]);
    (sdl, format!("\"{digest}\""))
});

pub(super) async fn get(headers: HeaderMap) -> Response {
    let (sdl, etag) = &*SDL;
    let is_current = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.to_str().is_ok_and(|tags| {
            tags.split(',')
                .map(|tag| tag.trim().trim_start_matches("W/"))
                .any(|tag| tag == etag || tag == "*")
        })
    });
    let mut response = if is_current {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let text = HeaderValue::from_static("application/graphql; charset=utf-8");
        ([(header::CONTENT_TYPE, text)], sdl.as_str()).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    response
}
