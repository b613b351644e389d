//! Error responses, in GraphQL's format, to requests that are rejected before they reach GraphQL.

use std::borrow::Cow;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::client_limit::LimitReached;
use super::media_type::MediaType;
use super::status::status;
use crate::graphql::error::{ApiError, ErrorCode};

/// How long to wait before a retry, in seconds: what another client or request uses may be released at any moment.
const RETRY_AFTER_SECS: u16 = 1;

/// Why a request was rejected.
#[derive(Clone, Debug)]
pub(super) struct HttpError {
    pub(super) code: ErrorCode,
    message: Cow<'static, str>,
    /// The request id, for internal errors only.
    request_id: Option<String>,
    media_type: MediaType,
    closes_connection: bool,
}

impl HttpError {
    pub(super) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            request_id: None,
            media_type: MediaType::Json,
            closes_connection: false,
        }
    }

    /// The error of a request that would pass a limit. `message` is for the client that has reached its own.
    pub(super) fn limit_reached(reached: LimitReached, message: &'static str) -> Self {
        match reached {
            LimitReached::Total => Self::overloaded(),
            LimitReached::PerClient => Self::new(ErrorCode::RateLimited, message),
        }
    }

    /// The error of a request that this server cannot serve now.
    pub(super) fn overloaded() -> Self {
        Self::new(ErrorCode::ServiceUnavailable, ApiError::Overloaded.to_string())
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The same error, in the media type that the client prefers.
    pub(super) fn with_media_type(self, media_type: MediaType) -> Self {
        Self { media_type, ..self }
    }

    /// The same error, for a request whose body was not received completely. The connection is closed, and the client
    /// is told not to send another request over it.
    pub(super) fn closing_connection(self) -> Self {
        Self { closes_connection: true, ..self }
    }

    /// A complete HTTP/1.1 response, for a connection whose request was not read.
    pub(super) fn raw_http1(&self) -> String {
        let (status, body) = (status(self.code), self.body());
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\
             Retry-After: {RETRY_AFTER_SECS}\r\nCache-Control: private, no-store\r\nConnection: close\r\n\r\n{body}",
            self.media_type.text(),
            body.len()
        )
    }

    fn body(&self) -> String {
        let mut extensions = json!({ "code": self.code.as_str() });
        if self.code == ErrorCode::RateLimited {
            extensions["retryAfter"] = RETRY_AFTER_SECS.into();
        }
        if let Some(id) = &self.request_id {
            extensions["requestId"] = id.as_str().into();
        }
        json!({ "errors": [{ "message": self.message, "extensions": extensions }] }).to_string()
    }

    /// The same error, with the request id. For internal errors, which the operators look up in the log.
    pub(super) fn with_request_id(self, id: &str) -> Self {
        Self { request_id: Some(id.to_owned()), ..self }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let headers = [(header::CONTENT_TYPE, self.media_type.header())];
        let mut response = (status(self.code), headers, self.body()).into_response();
        if matches!(self.code, ErrorCode::RateLimited | ErrorCode::ServiceUnavailable) {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECS.into());
        }
        if self.closes_connection {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> HttpError {
    HttpError::new(ErrorCode::BadRequest, message)
}
