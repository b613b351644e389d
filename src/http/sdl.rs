//! `GET /schema.graphql`: the schema in SDL.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::etag;

/// The schema that is served, and its `ETag`, a hash of its bytes (RFC 9110, section 8.8.3).
#[derive(Debug)]
pub(super) struct SchemaFile {
    sdl: Bytes,
    etag: String,
}

impl SchemaFile {
    pub(super) fn new(sdl: &str) -> Self {
        let digest = hex::encode(&Sha256::digest(sdl.as_bytes())[..16]);
        Self { sdl: Bytes::copy_from_slice(sdl.as_bytes()), etag: format!("\"{digest}\"") }
    }
}

pub(super) async fn get(State(file): State<Arc<SchemaFile>>, headers: HeaderMap) -> Response {
    let mut response = if etag::is_current(&headers, &file.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let media_type = HeaderValue::from_static("application/graphql; charset=utf-8");
        ([(header::CONTENT_TYPE, media_type)], file.sdl.clone()).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&file.etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    response
}
