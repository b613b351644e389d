//! Reads the GraphQL request from a POST or a GET (GraphQL over HTTP, section 5).

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, Method, Uri, header};
use bytes::BytesMut;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::client_limit::{ClientPermit, LimitReached};
use super::error_response::{HttpError, bad_request};
use super::json;
use super::media_type::is_utf8;
use super::parameters::{json_object, parameters};
use super::upload;
use crate::config::Limits;
use crate::graphql::error::{ApiError, ErrorCode};
use crate::graphql::request::GraphqlRequest;

/// Reads the GraphQL request from the query string, a JSON body or a multipart body.
pub(super) async fn read(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
    permit: &mut ClientPermit,
) -> Result<GraphqlRequest, HttpError> {
    if method != Method::POST {
        let members = query_string(uri.query().unwrap_or_default())?;
        return Ok(GraphqlRequest { read_only: true, ..parameters(members)? });
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        let message = "Send the request body without a Content-Encoding.";
        return Err(HttpError::new(ErrorCode::UnsupportedMediaType, message));
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    match BodyFormat::from_content_type(content_type) {
        Some(BodyFormat::Json) => parameters(json_object(
            &read_body(body, limits.body_bytes, limits.body_timeout, permit).await?,
        )?),
        Some(BodyFormat::Multipart) => {
            let body = read_body(body, limits.upload_bytes, limits.body_timeout, permit).await?;
            upload::read(content_type, body, limits).await
        }
        None => {
            let message = "Send the request as application/json, in UTF-8.";
            Err(HttpError::new(ErrorCode::UnsupportedMediaType, message))
        }
    }
}

/// The format of a request body.
#[derive(Clone, Copy, Debug)]
enum BodyFormat {
    Json,
    /// With file uploads.
    Multipart,
}

impl BodyFormat {
    fn from_content_type(content_type: &str) -> Option<Self> {
        let mut parts = content_type.split(';').map(str::trim);
        let essence = parts.next()?;
        if essence.eq_ignore_ascii_case("multipart/form-data") {
            return Some(Self::Multipart);
        }
        let mut charsets = parts
            .filter_map(|parameter| parameter.split_once('='))
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        let is_json = essence.eq_ignore_ascii_case("application/json");
        let in_utf8 = charsets.all(|(_, charset)| is_utf8(charset.trim()));
        (is_json && in_utf8).then_some(Self::Json)
    }
}

async fn read_body(
    body: Body,
    max_bytes: usize,
    time: Duration,
    permit: &mut ClientPermit,
) -> Result<Bytes, HttpError> {
    match timeout(time, collect(body, max_bytes, permit)).await {
        Ok(collected) => collected,
        Err(_) => Err(bad_request("The body did not arrive in time.")),
    }
}

/// The error of a body that does not fit beside the others in memory.
fn too_many_bodies(reached: LimitReached) -> HttpError {
    match reached {
        LimitReached::Total => {
            HttpError::new(ErrorCode::ServiceUnavailable, ApiError::Overloaded.to_string())
        }
        LimitReached::PerClient => {
            let message = "Too many request bodies from your address at the same time.";
            HttpError::new(ErrorCode::RateLimited, message)
        }
    }
}

/// The bytes of a body, counted as they arrive: a client may announce more than it sends.
async fn collect(
    body: Body,
    max_bytes: usize,
    permit: &mut ClientPermit,
) -> Result<Bytes, HttpError> {
    let mut body = Limited::new(body, max_bytes);
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
            true => {
                let message = format!("A request body may have at most {max_bytes} bytes.");
                HttpError::new(ErrorCode::PayloadTooLarge, message)
            }
            false => bad_request("The body ended too early."),
        })?;
        let Ok(data) = frame.into_data() else { continue };
        permit.add(data.len()).map_err(too_many_bodies)?;
        if bytes.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// The parameters of a GET as JSON members. `variables` and `extensions` are parsed as JSON, the others
/// are strings. An empty parameter counts as absent.
fn query_string(query: &str) -> Result<Map<String, Value>, HttpError> {
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = match &*name {
            _ if value.is_empty() => continue,
            "query" | "operationName" | "documentId" => Value::String(value.into_owned()),
            "variables" | "extensions" => json::parse(value.as_bytes())
                .ok_or_else(|| bad_request("variables and extensions must be JSON objects."))?,
            _ => continue,
        };
        if members.insert(name.into_owned(), value).is_some() {
            return Err(bad_request("Each parameter may be given only once."));
        }
    }
    Ok(members)
}
