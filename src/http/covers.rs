//! `GET /covers/KEY/SIZE`: the image of a cover. The key in the address is the permission to read it, so that an `<img>`
//! works, also on pages of other origins.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::error_response::HttpError;
use super::response_headers::CROSS_ORIGIN_RESOURCE_POLICY;
use super::state::AppState;
use super::{etag, forwarded};
use crate::covers::{CoverFile, CoverKey, CoverSize};
use crate::store::error::error_chain;

/// A changed cover has another address, so the response never changes.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A browser that opens the address as a page runs and loads nothing.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// The image. 404 for a cover that does not exist, or no longer.
pub(super) async fn get(
    State(state): State<AppState>,
    Path((key, size)): Path<(String, String)>,
    parts: Parts,
) -> Response {
    let (Ok(key), Some(size)) = (key.parse(), CoverSize::parse(&size)) else { return not_found() };
    match send(&state, &key, size, &parts).await {
        Ok(Some(response)) => response,
        Ok(None) => not_found(),
        Err(error) => error.into_response(),
    }
}

fn not_found() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

async fn send(
    state: &AppState,
    key: &CoverKey,
    size: CoverSize,
    parts: &Parts,
) -> Result<Option<Response>, HttpError> {
    let client = forwarded::client_ip(parts, &state.config.trusted_proxies).network();
    let message = "Too many covers are being sent to your address.";
    let permit = state
        .covers
        .take(Some(client))
        .map_err(|reached| HttpError::limit_reached(reached, message))?;
    let found =
        timeout(state.config.limits.operation_timeout, state.services.covers.get(key, size));
    let found = match found.await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::warn!(cause = %error_chain(&error), "reading a cover failed");
            return Err(HttpError::overloaded());
        }
        Err(_) => return Err(HttpError::overloaded()),
    };
    let Some(CoverFile { content_type, length, etag, body }) = found else { return Ok(None) };
    let mut response = if etag::is_current(&parts.headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = body.map(move |chunk| {
            // Held until the response is sent.
            let _ = &permit;
            chunk.inspect_err(|error| {
                tracing::warn!(cause = %error_chain(error), "reading a cover failed");
            })
        });
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (header::CONTENT_LENGTH, length.into()),
        ];
        (headers, Body::from_stream(body)).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    Ok(Some(response))
}
