//! Requests that do not get as far as GraphQL are answered in its form all the same.

use std::borrow::Cow;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::media_type::MediaType;
use crate::graphql::error::ErrorCode;

/// Why a request was refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    message: Cow<'static, str>,
    /// The number of the request, where the fault is ours.
    request_id: Option<String>,
    media_type: MediaType,
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), request_id: None, media_type: MediaType::Json }
    }

    /// The same, in the media type that the client likes best.
    pub(super) fn in_type(self, media_type: MediaType) -> Self {
        Self { media_type, ..self }
    }

    pub(super) fn of_request(self, id: &str) -> Self {
        Self { request_id: Some(id.to_owned()), ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut extensions = json!({ "code": self.code.as_str() });
        if let Some(id) = self.request_id {
            extensions["requestId"] = id.into();
        }
        let body = json!({ "errors": [{ "message": self.message, "extensions": extensions }] });
        let headers = [(header::CONTENT_TYPE, self.media_type.header())];
        (status(self.code), headers, body.to_string()).into_response()
    }
}

pub(super) fn status(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
