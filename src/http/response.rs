//! Answers, and the status that goes with each (GraphQL over HTTP, section 6).

use async_graphql_axum::GraphQLResponse;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::events;
use super::media_type::MediaType;
use super::refusal::status;
use crate::graphql::error::ErrorCode;
use crate::graphql::execute::Executed;

/// The answer to an operation. Without data it has the status of its first error; clients that know
/// plain `application/json` only get 200, as the audits of the specification's working group ask,
/// unless the status is `strict`, as its newer drafts ask.
pub(super) fn respond(executed: Executed, media_type: MediaType, strict: bool) -> Response {
    let tells = strict || media_type == MediaType::GraphqlResponse;
    let no_data = executed.response.data == async_graphql::Value::Null;
    let status = match executed.code {
        // What may not be done by GET may not be done, whatever the client accepts.
        Some(ErrorCode::MethodNotAllowed) => status(ErrorCode::MethodNotAllowed),
        Some(code) if no_data && tells => status(code),
        _ => StatusCode::OK,
    };
    let mut response = if executed.ran {
        GraphQLResponse::from(executed.response).into_response()
    } else {
        executed.json().into_response()
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
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

/// The answer to whoever takes nothing but events: one of them. What is wrong with the caller or
/// with us has its status and no events, so that clients try again with another token, or later.
pub(super) fn respond_in_events(executed: Executed) -> Response {
    match executed.code {
        Some(code) if !executed.ran && code.status() > 400 => {
            respond(executed, MediaType::Json, true)
        }
        _ => events::respond_once(&executed),
    }
}
