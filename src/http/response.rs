//! Answers, and the status that goes with each (GraphQL over HTTP, section 6).

use async_graphql_axum::GraphQLResponse;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::media_type::MediaType;
use super::refusal::status;
use crate::graphql::error::ErrorCode;
use crate::graphql::execute::Executed;

/// The answer to an operation. Without data it has the status of its first error; clients that know
/// plain `application/json` only get 200, as the specification asks.
pub(super) fn respond(executed: Executed, media_type: MediaType) -> Response {
    let no_data = executed.response.data == async_graphql::Value::Null;
    let status = match executed.code {
        // What may not be done by GET may not be done, whatever the client accepts.
        Some(ErrorCode::MethodNotAllowed) => status(ErrorCode::MethodNotAllowed),
        Some(code) if no_data && media_type == MediaType::GraphqlResponse => status(code),
        _ => StatusCode::OK,
    };
    let mut response = if executed.ran || !executed.response.is_err() {
        GraphQLResponse::from(executed.response).into_response()
    } else {
        // An error of the request: its answer has no `data` at all.
        let body = serde_json::json!({ "errors": executed.response.errors });
        body.to_string().into_response()
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
