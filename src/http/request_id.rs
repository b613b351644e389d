//! Gives each request an id. Responses have it in the header `X-Request-Id`, and log lines in `request_id`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use tower_http::request_id::{self as layers, MakeRequestId};

use crate::graphql::Services;
use crate::id::IdGenerator;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Identifies one request: a UUIDv7 in hexadecimal.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) Arc<str>);

impl RequestId {
    pub(super) fn generate(ids: &IdGenerator) -> Self {
        let id: uuid::Uuid = ids.next();
        Self(id.simple().to_string().into())
    }
}

/// Reads the id that `SetRequestIdLayer` has set.
impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = parts.extensions.get::<layers::RequestId>();
        let text = id.and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
        Ok(Self(text.into()))
    }
}

/// Removes the id that a client sends: `SetRequestIdLayer` would use it, and clients could forge log lines.
pub(super) fn remove_client_id(mut request: Request) -> Request {
    request.headers_mut().remove(X_REQUEST_ID);
    request
}

/// Makes the ids for `SetRequestIdLayer`.
#[derive(Clone, Debug)]
pub(super) struct RequestIds(pub(super) Arc<Services>);

impl MakeRequestId for RequestIds {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<layers::RequestId> {
        let RequestId(id) = RequestId::generate(&self.0.ids);
        HeaderValue::from_str(&id).ok().map(layers::RequestId::new)
    }
}
