//! `/graphql`: GraphQL over HTTP, and the entry point of subscriptions.

use std::sync::Arc;
use std::time::Instant;

use async_graphql::parser::types::OperationType;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::client_info::client_info;
use super::error_response::HttpError;
use super::media_type::{Accept, MediaType};
use super::operation_log::OperationLogEntry;
use super::rate_limit_headers::set_rate_limit_headers;
use super::request::read;
use super::request_id::RequestId;
use super::response::{respond, respond_as_sse};
use super::state::AppState;
use super::{cookie, csrf, subscription_stream, websocket};
use crate::graphql::error::ErrorCode;
use crate::graphql::execute::RequestMeta;

/// Runs an operation and logs one line about it, without variables, tokens or addresses.
pub(super) async fn serve(
    State(server): State<Arc<AppState>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    if websocket::is_upgrade_request(&parts.headers) {
        return websocket::upgrade(server, parts).await.unwrap_or_else(|refusal| {
            let line = OperationLogEntry::rejected(refusal.code);
            let response = refusal.into_response();
            line.log(&id, "http", Some(response.status().as_u16()), started);
            response
        });
    }
    let accepted = Accept::by(&parts.headers);
    let (mut response, line) = match answer(&server, &id, &parts, body, accepted).await {
        Ok(answered) => answered,
        Err(refusal) => {
            let line = OperationLogEntry::rejected(refusal.code);
            let media_type = accepted.one.unwrap_or(MediaType::Json);
            (refusal.in_type(media_type).into_response(), line)
        }
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    line.log(&id, "http", Some(response.status().as_u16()), started);
    response
}

pub(super) async fn method_not_allowed() -> Response {
    let message = "Send operations by POST, or queries by GET.";
    let mut response = HttpError::new(ErrorCode::MethodNotAllowed, message).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    response
}

async fn answer(
    server: &Arc<AppState>,
    id: &RequestId,
    parts: &Parts,
    body: Body,
    accepted: Accept,
) -> Result<(Response, OperationLogEntry), HttpError> {
    if accepted.one.is_none() && accepted.many.is_none() {
        return Err(not_acceptable());
    }
    csrf::check(&parts.method, &parts.headers)?;
    let limits = &server.config.limits;
    let request = read(&parts.method, &parts.uri, &parts.headers, body, limits).await?;
    let mut client = client_info(parts, &server.config);
    client.cookie_mode = parts.headers.get("cookie-mode").is_some_and(|mode| mode == "refresh");
    client.cookie = cookie::shown(&parts.headers);
    let client = Arc::new(client);
    let caller = RequestMeta {
        authorization: parts.headers.get(header::AUTHORIZATION).map(|it| it.as_bytes().to_vec()),
        client: Arc::clone(&client),
        request_id: Arc::clone(&id.0),
    };
    let in_events = accepted.many == Some(MediaType::EventStream);
    let executed = match server.api.prepare(request, &caller) {
        Err(refused) => *refused,
        Ok(prepared) if prepared.operation().kind == OperationType::Subscription => {
            let media_type = accepted.many.ok_or_else(not_acceptable)?;
            match server.api.subscribe(prepared, &caller).await {
                Err(refused) => *refused,
                Ok(subscribed) => {
                    let line = OperationLogEntry::begun(&subscribed);
                    let quotas = subscribed.quotas.clone();
                    let id = Arc::clone(&id.0);
                    let mut response =
                        subscription_stream::respond(server, subscribed, media_type, id);
                    set_rate_limit_headers(response.headers_mut(), &quotas);
                    return Ok((response, line));
                }
            }
        }
        // Do not run an operation if the client accepts no media type of its response.
        Ok(_) if accepted.one.is_none() && !in_events => return Err(not_acceptable()),
        Ok(prepared) => server.api.execute(prepared, &caller).await,
    };
    let line = OperationLogEntry::of(&executed);
    let mut response = match accepted.one {
        None if in_events => respond_as_sse(executed),
        media_type => {
            let media_type = media_type.unwrap_or(MediaType::Json);
            respond(executed, media_type, server.config.strict_status)
        }
    };
    if let Some(change) = client.cookie_change()
        && let Some(set) = cookie::set(&parts.headers, &change)
    {
        response.headers_mut().insert(header::SET_COOKIE, set);
    }
    Ok((response, line))
}

fn not_acceptable() -> HttpError {
    let message = "Accept application/graphql-response+json or application/json. For a \
                   subscription, accept text/event-stream or multipart/mixed, or use WebSocket.";
    HttpError::new(ErrorCode::NotAcceptable, message)
}
