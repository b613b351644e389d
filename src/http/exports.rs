//! `GET /exports/{token}/{name}`: downloads an export.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{TryStreamExt, stream};

use super::client_limit::ClientPermit;
use super::error_response::HttpError;
use super::forwarded;
use super::request_id::RequestId;
use super::state::AppState;
use crate::exports::{self, LinkToken};
use crate::graphql::error::ErrorCode;
use crate::store::StoreError;
use crate::store::exports::Export;

/// For a link that was used or has expired, and for one that never existed: these cannot be told apart.
const GONE: &str = "This link does not work any more. A link to an export works once, within an hour. \
                    Please export again.\n";

/// A GET uses the link up; a HEAD does not, since programs send it to look at a link.
pub(super) async fn download(
    State(state): State<AppState>,
    id: RequestId,
    Path((token, _)): Path<(String, String)>,
    parts: Parts,
) -> Response {
    let client = forwarded::client_ip(&parts, &state.config.trusted_proxies).network();
    // Before the link is used up.
    let permit = match state.exports.take(Some(client)) {
        Ok(permit) => permit,
        Err(reached) => {
            let message = "Too many exports are being sent to your address.";
            return HttpError::limit_reached(reached, message)
                .with_request_id(&id.0)
                .into_response();
        }
    };
    let hash = LinkToken::from_presented(&token).hash();
    let (store, now) = (&state.services.store, state.services.clock.now());
    let head_only = parts.method == Method::HEAD;
    let export = match head_only {
        true => store.exports().find(hash, now).await,
        false => store.exports().take(hash, now).await,
    };
    match export {
        Ok(Some(export)) => file(&state, export, head_only, permit),
        Ok(None) => (StatusCode::GONE, GONE).into_response(),
        Err(error) => failed(&state, &id, &error),
    }
}

fn file(
    state: &AppState,
    Export { owner, format }: Export,
    head_only: bool,
    permit: ClientPermit,
) -> Response {
    let services = &state.services;
    let name = exports::file_name(format, services.clock.now());
    let body = if head_only {
        // Of unknown length, as the file.
        Body::from_stream(stream::empty::<Result<Bytes, Infallible>>())
    } else {
        let services = Arc::clone(services);
        let parts = exports::file(services.store.clone(), owner, format);
        // The connection breaks off, so that the client does not take a part for the whole.
        Body::from_stream(parts.inspect_err(move |error| {
            // Held until the response is sent.
            let _ = &permit;
            services.store.report_failure(error, "an export broke off");
        }))
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(disposition) = format!("attachment; filename=\"{name}\"").try_into() {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

fn failed(state: &AppState, id: &RequestId, error: &StoreError) -> Response {
    state.services.store.report_failure(error, "an export could not be started");
    let message = "The export could not be started. Please try again.";
    HttpError::new(ErrorCode::ServiceUnavailable, message).with_request_id(&id.0).into_response()
}
