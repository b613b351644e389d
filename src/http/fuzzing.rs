//! Whatever comes over the network is understood or refused.

use axum::http::{HeaderMap, HeaderValue, header};

use super::media_type::Accept;
use super::{request, websocket};
use crate::graphql::document::GraphqlRequest;

/// The request in a body of JSON.
pub(crate) fn body(body: &[u8]) -> Option<GraphqlRequest> {
    request::parameters(request::json_object(body).ok()?).ok()
}

/// What a client accepts.
pub(crate) fn accept(value: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(value) {
        let _ = Accept::by(&HeaderMap::from_iter([(header::ACCEPT, value)]));
    }
}

/// A message over WebSocket.
pub(crate) fn message(text: &[u8]) {
    websocket::fuzz(text);
}
