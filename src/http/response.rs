//! Answers, and the status that goes with each (GraphQL over HTTP, section 6).

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

/// The answer to an operation. Without data it has the status of its first error; clients that know
/// plain `application/json` only get 200, as the audits of the specification's working group ask,
/// unless the status is `strict`, as its newer drafts ask.
pub(super) fn respond(
    mut executed: OperationOutcome,
    media_type: MediaType,
    strict: bool,
) -> Response {
    let tells = strict || media_type == MediaType::GraphqlResponse;
    let no_data = executed.response.data == async_graphql::Value::Null;
    let status = match executed.code {
        // What may not be done by GET may not be done, whatever the client accepts.
        Some(ErrorCode::MethodNotAllowed) => status(ErrorCode::MethodNotAllowed),
        Some(code) if no_data && tells => status(code),
        _ => StatusCode::OK,
    };
    let (retry_after, standings) = (executed.retry_after, take(&mut executed.standings));
    let json = executed.json();
    // The headers are async-graphql's, the body is written already.
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

/// Tells a caller what is left of what it may do, in `RateLimit` and `RateLimit-Policy`.
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

/// The answer to whoever takes nothing but events: one of them. What is wrong with the caller or
/// with us has its status and no events, so that clients try again with another token, or later.
pub(super) fn respond_as_sse(executed: OperationOutcome) -> Response {
    match executed.code {
        Some(code) if !executed.ran && code.status() > 400 => {
            respond(executed, MediaType::Json, true)
        }
        _ => subscription_stream::single_event_response(&executed),
    }
}
