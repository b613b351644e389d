//! `/graphql`: GraphQL over HTTP, and the entry point of subscriptions.

use std::sync::Arc;
use std::time::Instant;

use async_graphql::parser::types::OperationType;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::error_response::HttpError;
use super::media_type::{Accept, MediaType, prefers_html};
use super::operation_log::OperationLogEntry;
use super::rate_limit_headers::set_rate_limit_headers;
use super::request::{read, too_many_bodies};
use super::request_id::RequestId;
use super::response::{respond, respond_as_sse};
use super::state::AppState;
use super::{client_info, cookie, csrf, subscription_stream, websocket};
use crate::graphql::error::ErrorCode;
use crate::graphql::execute::RequestMeta;
use crate::graphql::request::GraphqlRequest;

/// Runs an operation and logs one line about it, without variables, tokens or addresses.
pub(super) async fn serve(
    State(state): State<AppState>,
    id: RequestId,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    if websocket::is_upgrade_request(&parts.headers) {
        return websocket::upgrade(state, &id, parts).await.unwrap_or_else(|error| {
            let entry = OperationLogEntry::rejected(error.code);
            let response = error.into_response();
            entry.log(&id, "http", Some(response.status().as_u16()), started);
            response
        });
    }
    if state.config.graphiql && opens_page(&parts) {
        return see_graphiql(&parts);
    }
    let accept = Accept::from_headers(&parts.headers);
    let (mut response, entry) = match handle(&state, &id, &parts, body, accept).await {
        Ok(handled) => handled,
        Err(error) => {
            let entry = OperationLogEntry::rejected(error.code);
            let media_type = accept.response.unwrap_or(MediaType::Json);
            (error.with_media_type(media_type).into_response(), entry)
        }
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    entry.log(&id, "http", Some(response.status().as_u16()), started);
    response
}

/// Whether a person has opened the address in a browser, without an operation.
fn opens_page(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let is_operation = names.any(|name| ["query", "documentId", "extensions"].contains(&&*name));
    parts.method != Method::POST && !is_operation && prefers_html(&parts.headers)
}

/// Leads a browser to GraphiQL. The address is relative, because a proxy may serve it below another path.
fn see_graphiql(parts: &Parts) -> Response {
    let page = if parts.uri.path().ends_with('/') { "../" } else { "./" };
    ([(header::VARY, HeaderValue::from_static("Accept"))], Redirect::to(page)).into_response()
}

pub(super) async fn method_not_allowed() -> Response {
    let message = "Send operations by POST, or queries by GET.";
    let mut response = HttpError::new(ErrorCode::MethodNotAllowed, message).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    response
}

async fn handle(
    state: &AppState,
    id: &RequestId,
    parts: &Parts,
    body: Body,
    accept: Accept,
) -> Result<(Response, OperationLogEntry), HttpError> {
    if accept.response.is_none() && accept.stream.is_none() {
        return Err(not_acceptable());
    }
    csrf::check(&parts.method, &parts.headers)?;
    let mut client = client_info::from_request(parts, &state.config);
    client.cookie_mode = parts.headers.get("cookie-mode").is_some_and(|mode| mode == "refresh");
    client.cookie = cookie::read(&parts.headers);
    let client = Arc::new(client);
    let meta = RequestMeta {
        authorization: parts
            .headers
            .get(header::AUTHORIZATION)
            .map(|value| value.as_bytes().to_vec()),
        client: Arc::clone(&client),
        request_id: Arc::clone(&id.0),
        _body_permit: None,
    };
    // Held until the response is complete: uploads and variables stay in memory.
    let mut permit = state.bodies.permit(Some(client.address.network()));
    let takes_files = |request: &GraphqlRequest| state.api.takes_files(request, &meta);
    let takes_files = state.api.has_uploads().then_some(takes_files);
    let request = read(parts, body, &state.config.limits, &mut permit, takes_files).await?;
    let as_sse = accept.stream == Some(MediaType::EventStream);
    let outcome = match state.api.prepare(request, &meta) {
        Err(outcome) => *outcome,
        Ok(prepared) if prepared.operation().kind == OperationType::Subscription => {
            let media_type = accept.stream.ok_or_else(not_acceptable)?;
            // The stream keeps the variables, not the body.
            permit.resize(prepared.retained_bytes()).map_err(too_many_bodies)?;
            match state.api.subscribe(prepared, &meta).await {
                Err(outcome) => *outcome,
                Ok(subscription) => {
                    let entry = OperationLogEntry::subscribed(&subscription);
                    let quotas = subscription.quotas.clone();
                    let id = Arc::clone(&id.0);
                    let mut response =
                        subscription_stream::respond(state, subscription, media_type, id, permit);
                    set_rate_limit_headers(response.headers_mut(), &quotas);
                    return Ok((response, entry));
                }
            }
        }
        // Do not run an operation if the client accepts no media type of its response.
        Ok(_) if accept.response.is_none() && !as_sse => return Err(not_acceptable()),
        Ok(prepared) => {
            let meta = RequestMeta { _body_permit: Some(Arc::new(permit)), ..meta };
            state.api.execute(prepared, &meta).await
        }
    };
    let entry = OperationLogEntry::new(&outcome);
    let mut response = match accept.response {
        None if as_sse => respond_as_sse(outcome),
        media_type => {
            let media_type = media_type.unwrap_or(MediaType::Json);
            respond(outcome, media_type, state.config.strict_status)
        }
    };
    if let Some(change) = client.cookie_change() {
        for set in cookie::set(&parts.headers, &change) {
            response.headers_mut().append(header::SET_COOKIE, set);
        }
    }
    Ok((response, entry))
}

fn not_acceptable() -> HttpError {
    let message = "Accept application/graphql-response+json or application/json. For a \
                   subscription, accept text/event-stream or multipart/mixed, or use WebSocket.";
    HttpError::new(ErrorCode::NotAcceptable, message)
}
