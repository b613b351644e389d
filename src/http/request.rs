//! Reads the GraphQL request from a POST or a GET (GraphQL over HTTP, section 5).

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::request::Parts;
use axum::http::{Method, header};
use bytes::BytesMut;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::client_limit::{ClientPermit, LimitReached};
use super::error_response::{HttpError, bad_request};
use super::json::{self, Members};
use super::media_type::is_utf8;
use super::parameters::{json_object, parameters};
use super::upload;
use crate::config::Limits;
use crate::graphql::error::ErrorCode;
use crate::graphql::request::GraphqlRequest;

/// Reads the GraphQL request from the query string, a JSON body or a multipart body. `takes_files` returns
/// whether the operation of a request takes a file; it is called before the files are received. `None` if no
/// operation takes one.
pub(super) async fn read(
    parts: &Parts,
    body: Body,
    limits: &Limits,
    permit: &mut ClientPermit,
    takes_files: Option<impl FnMut(&GraphqlRequest) -> bool>,
) -> Result<GraphqlRequest, HttpError> {
    let headers = &parts.headers;
    if parts.method != Method::POST {
        let members = query_string(parts.uri.query().unwrap_or_default())?;
        return Ok(GraphqlRequest { read_only: true, ..parameters(members)? });
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        let message = "Send the request body without a Content-Encoding.";
        return Err(HttpError::new(ErrorCode::UnsupportedMediaType, message));
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    match BodyFormat::from_content_type(content_type) {
        Some(BodyFormat::Json) => {
            let body = collect(body, limits.body_bytes, permit, |_| Ok(()));
            parameters(json_object(&in_time(body, limits.body_timeout).await?)?)
        }
        Some(BodyFormat::Multipart) => {
            let takes_files = takes_files.ok_or_else(upload::no_files)?;
            let mut check = upload::EarlyCheck::new(content_type, limits, takes_files);
            let body = collect(body, limits.upload_bytes, permit, |bytes| check.received(bytes));
            let body = in_time(body, limits.body_timeout).await?;
            check.completed(&body)?;
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

async fn in_time(
    body: impl Future<Output = Result<Bytes, HttpError>>,
    time: Duration,
) -> Result<Bytes, HttpError> {
    let collected = timeout(time, body).await;
    let collected =
        collected.unwrap_or_else(|_| Err(bad_request("The body did not arrive in time.")));
    collected.map_err(HttpError::closing_connection)
}

/// The error of a body that does not fit beside the others in memory.
pub(super) fn too_many_bodies(reached: LimitReached) -> HttpError {
    HttpError::limit_reached(reached, "Too many request bodies from your address at the same time.")
}

/// For how many bytes there is room before the first of them arrives, if a body has at least as many.
const FIRST_BYTES: usize = 1 << 20;

/// The bytes of a body, counted as they arrive: a client may announce more than it sends. `check` is called with
/// the beginning of the body and may reject it.
async fn collect(
    body: Body,
    max_bytes: usize,
    permit: &mut ClientPermit,
    mut check: impl FnMut(&[u8]) -> Result<(), HttpError>,
) -> Result<Bytes, HttpError> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if expected > max_bytes {
        return Err(too_long(max_bytes));
    }
    let mut body = Limited::new(body, max_bytes);
    let mut bytes = BytesMut::with_capacity(expected.min(FIRST_BYTES));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
            true => too_long(max_bytes),
            false => bad_request("The body ended too early."),
        })?;
        let Ok(data) = frame.into_data() else { continue };
        permit.add(data.len()).map_err(too_many_bodies)?;
        if bytes.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        bytes.extend_from_slice(&data);
        check(&bytes)?;
    }
    Ok(bytes.freeze())
}

fn too_long(max_bytes: usize) -> HttpError {
    let message = format!("A request body may have at most {max_bytes} bytes.");
    HttpError::new(ErrorCode::PayloadTooLarge, message)
}

/// White space of JSON (RFC 8259, section 2) and a byte order mark.
const JSON_IGNORED: [char; 5] = [' ', '\t', '\n', '\r', '\u{feff}'];

/// The parameters of a GET as JSON members. `variables` and `extensions` are parsed as JSON, the others
/// are strings. An empty parameter counts as absent.
fn query_string(query: &str) -> Result<Members, HttpError> {
    let mut members = Members::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = match &*name {
            _ if value.is_empty() => continue,
            "query" | "operationName" | "documentId" => serde_json::Value::from(value).to_string(),
            "variables" | "extensions" if json::is_valid(value.as_bytes()) => {
                value.trim_start_matches(JSON_IGNORED).to_owned()
            }
            "variables" | "extensions" => {
                return Err(bad_request("variables and extensions must be JSON objects."));
            }
            _ => continue,
        };
        if !members.insert(name.into_owned(), value.into()) {
            return Err(bad_request("Each parameter may be given only once."));
        }
    }
    Ok(members)
}
