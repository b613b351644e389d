//! `POST /graphql` (GraphQL over HTTP).

use std::sync::Arc;
use std::time::Instant;

use async_graphql::Variables;
use async_graphql_axum::GraphQLResponse;
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::envelope::RequestId;
use super::refusal::{Refusal, status};
use super::{Server, cookie};
use crate::config::Limits;
use crate::graphql::context::Client;
use crate::graphql::document::GraphqlRequest;
use crate::graphql::error::ErrorCode;
use crate::graphql::execute::{Caller, Executed};

const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";

/// Answers an operation, and logs a line about it: no variable, no token, no address.
pub(super) async fn post(
    State(server): State<Arc<Server>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let (response, line) = match answer(&server, &id, &parts, body).await {
        Ok(answered) => answered,
        Err(refusal) => {
            let line = Line { code: Some(refusal.code), ..Line::default() };
            (refusal.into_response(), line)
        }
    };
    tracing::info!(
        target: "bookshelf::operation",
        request_id = %id.0,
        operation = line.operation,
        kind = line.kind,
        viewer = line.viewer,
        code = line.code.map(ErrorCode::as_str),
        status = response.status().as_u16(),
        duration_ms = started.elapsed().as_secs_f64() * 1_000.0,
        "operation"
    );
    response
}

pub(super) async fn method_not_allowed() -> Response {
    let mut response =
        Refusal::new(ErrorCode::MethodNotAllowed, "Send operations by POST.").into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// What the log says of a request.
#[derive(Debug, Default)]
struct Line {
    operation: Option<String>,
    kind: Option<String>,
    viewer: Option<String>,
    code: Option<ErrorCode>,
}

async fn answer(
    server: &Server,
    id: &RequestId,
    parts: &Parts,
    body: Body,
) -> Result<(Response, Line), Refusal> {
    check_content_type(&parts.headers)?;
    let request = read(body, &server.config.limits).await?;
    let client = Arc::new(client(&parts.headers));
    let caller = Caller {
        authorization: parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes),
        client: Arc::clone(&client),
        request_id: &id.0,
    };
    let executed = server.api.execute(request, caller).await;

    let line = Line {
        operation: executed.operation.as_ref().and_then(|operation| operation.name.clone()),
        kind: executed.operation.as_ref().map(|operation| operation.kind.to_string()),
        viewer: executed.viewer.map(|viewer| viewer.to_string()),
        code: executed.code,
    };
    let mut response = respond(&parts.headers, executed);
    if let Some(change) = client.cookie_change()
        && let Some(set) = cookie::set(&parts.headers, &change)
    {
        response.headers_mut().insert(header::SET_COOKIE, set);
    }
    Ok((response, line))
}

/// Only JSON: a page of another origin can send anything else without asking first.
fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let message = "Send the request as application/json.";
    Err(Refusal::new(ErrorCode::UnsupportedMediaType, message))
}

async fn read(body: Body, limits: &Limits) -> Result<GraphqlRequest, Refusal> {
    let bad = |message: &'static str| Refusal::new(ErrorCode::BadRequest, message);
    let bytes = match timeout(limits.body_timeout, to_bytes(body, limits.body_bytes)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) if is_too_long(&error) => {
            let message = format!("A request body has at most {} bytes.", limits.body_bytes);
            return Err(Refusal::new(ErrorCode::PayloadTooLarge, message));
        }
        Ok(Err(_)) => return Err(bad("The body ended too early.")),
        Err(_) => return Err(bad("The body did not arrive in time.")),
    };
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => parameters(members),
        Ok(Value::Array(_)) => {
            let message = "Batches are not served; send one operation a request.";
            Err(Refusal::new(ErrorCode::BatchNotAllowed, message))
        }
        Ok(_) => Err(bad("The body is not a JSON object.")),
        Err(_) => Err(bad("The body is not JSON.")),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>)
}

/// The members of a request, each of its type and nothing else.
fn parameters(mut members: Map<String, Value>) -> Result<GraphqlRequest, Refusal> {
    let bad = |message: &'static str| Err(Refusal::new(ErrorCode::BadRequest, message));
    let Some(Value::String(query)) = members.remove("query") else {
        return bad("query must be a string.");
    };
    let operation_name = match members.remove("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return bad("operationName must be a string or null."),
    };
    let variables = match members.remove("variables") {
        None | Some(Value::Null) => Variables::default(),
        Some(variables @ Value::Object(_)) => Variables::from_json(variables),
        Some(_) => return bad("variables must be an object or null."),
    };
    match members.remove("extensions") {
        None | Some(Value::Null | Value::Object(_)) => {
            Ok(GraphqlRequest { query, operation_name, variables })
        }
        Some(_) => bad("extensions must be an object or null."),
    }
}

fn client(headers: &HeaderMap) -> Client {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let cookie_mode = headers.get("cookie-mode").is_some_and(|mode| mode == "refresh");
    Client::new(headers.get(header::USER_AGENT).and_then(text), cookie_mode, cookie::shown(headers))
}

/// An answer without data has the status of its first error; clients that know plain
/// `application/json` only get 200, as the specification asks.
fn respond(headers: &HeaderMap, executed: Executed) -> Response {
    let modern = headers.get_all(header::ACCEPT).iter().any(|accept| {
        accept.to_str().is_ok_and(|accept| accept.to_ascii_lowercase().contains(GRAPHQL_RESPONSE))
    });
    let no_data = executed.response.data == async_graphql::Value::Null;
    let status = match executed.code {
        Some(code) if no_data && modern => status(code),
        _ => StatusCode::OK,
    };
    let mut response = if executed.ran || !executed.response.is_err() {
        GraphQLResponse::from(executed.response).into_response()
    } else {
        // A request error: its answer has no `data` at all.
        let body = serde_json::json!({ "errors": executed.response.errors });
        body.to_string().into_response()
    };
    *response.status_mut() = status;
    let media_type = if modern {
        HeaderValue::from_static("application/graphql-response+json; charset=utf-8")
    } else {
        HeaderValue::from_static("application/json; charset=utf-8")
    };
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"bookshelf\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}
