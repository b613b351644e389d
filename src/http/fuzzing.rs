//! Entry points for fuzzing. Any input from the network is parsed or rejected.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};

use super::media_type::Accept;
use super::parameters::{json_object, parameters};
use super::websocket;
use crate::graphql::request::GraphqlRequest;

/// Parses a JSON request body.
pub(crate) fn body(body: &[u8]) -> Option<GraphqlRequest> {
    parameters(json_object(&Bytes::copy_from_slice(body)).ok()?).ok()
}

/// Parses the value of an `Accept` header.
pub(crate) fn accept(value: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(value) {
        let _ = Accept::from_headers(&HeaderMap::from_iter([(header::ACCEPT, value)]));
    }
}

/// Parses a message from a WebSocket.
pub(crate) fn message(text: &[u8]) {
    websocket::fuzz(text);
}
