//! Responses and their HTTP status (GraphQL over HTTP, section 6).

use std::mem::take;

use async_graphql_axum::GraphQLResponse;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::media_type::MediaType;
use super::rate_limit_headers::set_rate_limit_headers;
use super::status::status;
use super::subscription_stream;
use crate::graphql::error::ErrorCode;
use crate::graphql::outcome::OperationOutcome;

/// The response to an operation. A response without data has the status of its first error. But clients
/// that accept only plain `application/json` get 200, which the audits of the specification's working
/// group require, unless `strict` is set, which newer drafts of the specification require.
pub(super) fn respond(
    mut outcome: OperationOutcome,
    media_type: MediaType,
    strict: bool,
) -> Response {
    let reports_status = strict || media_type == MediaType::GraphqlResponse;
    let status = match outcome.code {
        // An operation that GET does not allow gets this status with every media type.
        Some(ErrorCode::MethodNotAllowed) => status(ErrorCode::MethodNotAllowed),
        Some(code) if !outcome.has_data && reports_status => status(code),
        _ => StatusCode::OK,
    };
    let (retry_after, quotas) = (outcome.retry_after, take(&mut outcome.quotas));
    // async-graphql provides the headers; the body is already serialised.
    let mut response = GraphQLResponse::from(outcome.response).into_response();
    *response.body_mut() = Body::from(Bytes::from_owner(outcome.json));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(retry_after) = retry_after {
        headers.insert(header::RETRY_AFTER, retry_after.as_secs().into());
    }
    set_rate_limit_headers(headers, &quotas);
    headers.insert(header::CONTENT_TYPE, media_type.header());
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"bookshelf\"");
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// The response for a client that accepts only events: a single event. If the operation was rejected with a
/// status above 400, the response has this status and no events, so that clients retry with another token,
/// or later.
pub(super) fn respond_as_sse(outcome: OperationOutcome) -> Response {
    match outcome.code {
        Some(code) if !outcome.ran && status(code) > StatusCode::BAD_REQUEST => {
            respond(outcome, MediaType::Json, true)
        }
        _ => subscription_stream::single_event_response(outcome),
    }
}
