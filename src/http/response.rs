//! Responses and their HTTP status (GraphQL over HTTP, section 6).

use std::mem::take;

use async_graphql_axum::GraphQLResponse;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::error_response::status;
use super::media_type::MediaType;
use super::subscription_stream;
use crate::graphql::error::ErrorCode;
use crate::graphql::execute::OperationOutcome;
use crate::graphql::rate_limit::QuotaStatus;

pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The response to an operation. A response without data has the status of its first error. But clients
/// that accept only plain `application/json` get 200, which the audits of the specification's working
/// group require, unless `strict` is set, which newer drafts of the specification require.
pub(super) fn respond(
    mut executed: OperationOutcome,
    media_type: MediaType,
    strict: bool,
) -> Response {
    let tells = strict || media_type == MediaType::GraphqlResponse;
    let no_data = executed.response.data == async_graphql::Value::Null;
    let status = match executed.code {
        // An operation that GET does not allow gets this status with every media type.
        Some(ErrorCode::MethodNotAllowed) => status(ErrorCode::MethodNotAllowed),
        Some(code) if no_data && tells => status(code),
        _ => StatusCode::OK,
    };
    let (retry_after, standings) = (executed.retry_after, take(&mut executed.standings));
    let json = executed.json();
    // async-graphql provides the headers; the body is already serialised.
    executed.response.data = async_graphql::Value::Null;
    let mut response = GraphQLResponse::from(executed.response).into_response();
    *response.body_mut() = Body::from(json);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(wait) = retry_after {
        headers.insert(header::RETRY_AFTER, wait.as_secs().into());
    }
    set_rate_limit_headers(headers, &standings);
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

/// Sets `RateLimit` and `RateLimit-Policy`, which report the client's quotas and what is left of them.
pub(super) fn set_rate_limit_headers(headers: &mut HeaderMap, standings: &[QuotaStatus]) {
    let list = |item: fn(QuotaStatus) -> String| {
        let items: Vec<_> = standings.iter().map(|standing| item(*standing)).collect();
        HeaderValue::try_from(items.join(", ")).ok().filter(|value| !value.is_empty())
    };
    for (name, value) in [
        (RATE_LIMIT_POLICY, list(|standing| standing.policy().to_string())),
        (RATE_LIMIT, list(|standing| standing.state().to_string())),
    ] {
        value.and_then(|value| headers.insert(name, value));
    }
}

/// The response for a client that accepts only events: a single event. If the operation was rejected with a
/// status above 400, the response has this status and no events, so that clients retry with another token,
/// or later.
pub(super) fn respond_as_sse(executed: OperationOutcome) -> Response {
    match executed.code {
        Some(code) if !executed.ran && code.status() > 400 => {
            respond(executed, MediaType::Json, true)
        }
        _ => subscription_stream::single_event_response(&executed),
    }
}
