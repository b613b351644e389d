//! Operations with file uploads (GraphQL multipart request specification).

use std::collections::BTreeMap;
use std::convert::Infallible;

use async_graphql::UploadValue;
use axum::body::Bytes;
use futures_util::future::ready;
use futures_util::stream;
use multer::{Constraints, Field, Multipart, SizeLimit};
use serde_json::Value;

use super::error_response::{HttpError, bad_request};
use super::json;
use super::parameters::{json_object, parameters};
use crate::config::Limits;
use crate::graphql::error::ErrorCode;
use crate::graphql::request::{GraphqlRequest, Upload};

/// Reads the parts in order: the operation, the map of its files, the files. The whole body has arrived
/// before, so it is searched for boundaries once, not again with every chunk.
pub(super) async fn read(
    content_type: &str,
    body: Bytes,
    limits: &Limits,
) -> Result<GraphqlRequest, HttpError> {
    let boundary = multer::parse_boundary(content_type).map_err(|error| to_http_error(&error))?;
    let sizes = SizeLimit::new()
        .for_field("operations", limits.body_bytes as u64)
        .for_field("map", limits.body_bytes as u64);
    let constraints = Constraints::new().size_limit(sizes);
    let body = stream::once(ready(Ok::<_, Infallible>(body)));
    let mut parts = Multipart::with_constraints(body, boundary, constraints);

    let operations = expect_part(&mut parts, "operations").await?;
    let mut request = parameters(json_object(&operations)?)?;
    let mut places = places(&expect_part(&mut parts, "map").await?, limits)?;
    while let Some(part) = next_part(&mut parts).await? {
        // Skip a file that `map` does not list.
        let Some(places) = part.name().and_then(|name| places.remove(name)) else { continue };
        let filename = part.file_name().unwrap_or_default().to_owned();
        let content_type = part.content_type().map(ToString::to_string);
        let content = read_part(part).await?;
        let file = UploadValue { filename, content_type, content };
        request.uploads.push(Upload { file, places });
    }
    match places.keys().next() {
        None => Ok(request),
        Some(_) => Err(bad_request("A file listed in map has no part.")),
    }
}

/// The paths at which each file is used, by the name of its part.
fn places(map: &[u8], limits: &Limits) -> Result<BTreeMap<String, Vec<String>>, HttpError> {
    let invalid = || bad_request("map must be an object of lists of paths.");
    let Some(Value::Object(map)) = json::parse(map) else { return Err(invalid()) };
    if map.len() > limits.upload_files {
        let message = format!("A request may have at most {} files.", limits.upload_files);
        return Err(HttpError::new(ErrorCode::PayloadTooLarge, message));
    }
    map.into_iter()
        .map(|(name, paths)| Some((name, serde_json::from_value::<Vec<String>>(paths).ok()?)))
        .collect::<Option<_>>()
        .ok_or_else(invalid)
}

async fn expect_part(
    parts: &mut Multipart<'static>,
    name: &'static str,
) -> Result<Bytes, HttpError> {
    match next_part(parts).await? {
        Some(part) if part.name() == Some(name) => read_part(part).await,
        _ => {
            let message = "The parts must be operations, map and then the files";
            Err(bad_request(format!("{message}; {name} is missing.")))
        }
    }
}

async fn next_part(parts: &mut Multipart<'static>) -> Result<Option<Field<'static>>, HttpError> {
    parts.next_field().await.map_err(|error| to_http_error(&error))
}

async fn read_part(part: Field<'static>) -> Result<Bytes, HttpError> {
    part.bytes().await.map_err(|error| to_http_error(&error))
}

fn to_http_error(error: &multer::Error) -> HttpError {
    match error {
        multer::Error::FieldSizeExceeded { .. } => {
            let message = "The part operations or map is too long.";
            HttpError::new(ErrorCode::PayloadTooLarge, message)
        }
        _ => bad_request("The body is not a valid multipart request, or is incomplete."),
    }
}
