//! Reads the GraphQL request from a POST or a GET (GraphQL over HTTP, section 5).

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Uri, header};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::error_response::{HttpError, bad_request};
use super::json;
use super::media_type::is_utf8;
use super::parameters::{json_object, parameters};
use super::upload;
use crate::config::Limits;
use crate::graphql::error::ErrorCode;
use crate::graphql::request::GraphqlRequest;

/// Reads the GraphQL request from the query string, a JSON body or a multipart body.
pub(super) async fn read(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
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
            &read_body(body, limits.body_bytes, limits.body_timeout).await?,
        )?),
        Some(BodyFormat::Multipart) => {
            let body = read_body(body, limits.upload_bytes, limits.body_timeout).await?;
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

async fn read_body(body: Body, max_bytes: usize, time: Duration) -> Result<Bytes, HttpError> {
    match timeout(time, to_bytes(body, max_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => {
            let message = format!("A request body may have at most {max_bytes} bytes.");
            Err(HttpError::new(ErrorCode::PayloadTooLarge, message))
        }
        Ok(Err(_)) => Err(bad_request("The body ended too early.")),
        Err(_) => Err(bad_request("The body did not arrive in time.")),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>)
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
