//! `/graphql` (GraphQL over HTTP).

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::envelope::RequestId;
use super::media_type::MediaType;
use super::refusal::Refusal;
use super::request::read;
use super::response::respond;
use super::{Server, cookie};
use crate::graphql::context::Client;
use crate::graphql::error::ErrorCode;
use crate::graphql::execute::Caller;

/// Answers an operation, and logs a line about it: no variable, no token, no address.
pub(super) async fn serve(
    State(server): State<Arc<Server>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let media_type = MediaType::accepted(&parts.headers);
    let (mut response, line) = match answer(&server, &id, &parts, body, media_type).await {
        Ok(answered) => answered,
        Err(refusal) => {
            let line = Line { code: Some(refusal.code), ..Line::default() };
            let media_type = media_type.unwrap_or(MediaType::Json);
            (refusal.in_type(media_type).into_response(), line)
        }
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
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
    let message = "Send operations by POST, or queries by GET.";
    let mut response = Refusal::new(ErrorCode::MethodNotAllowed, message).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
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
    media_type: Option<MediaType>,
) -> Result<(Response, Line), Refusal> {
    let Some(media_type) = media_type else {
        let message = "Accept application/graphql-response+json or application/json.";
        return Err(Refusal::new(ErrorCode::NotAcceptable, message));
    };
    let limits = &server.config.limits;
    let request = read(&parts.method, &parts.uri, &parts.headers, body, limits).await?;
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
    let mut response = respond(executed, media_type);
    if let Some(change) = client.cookie_change()
        && let Some(set) = cookie::set(&parts.headers, &change)
    {
        response.headers_mut().insert(header::SET_COOKIE, set);
    }
    Ok((response, line))
}

fn client(headers: &HeaderMap) -> Client {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let cookie_mode = headers.get("cookie-mode").is_some_and(|mode| mode == "refresh");
    Client::new(headers.get(header::USER_AGENT).and_then(text), cookie_mode, cookie::shown(headers))
}
