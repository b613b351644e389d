//! Operations with file uploads (GraphQL multipart request specification).

use std::collections::BTreeMap;
use std::convert::Infallible;

use async_graphql::UploadValue;
use axum::body::Bytes;
use futures_util::future::ready;
use futures_util::{FutureExt, stream};
use multer::{Constraints, Field, Multipart, SizeLimit};

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
    let mut parts = parts(content_type, body, limits)?;
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

/// The error of a multipart request for an operation that takes no file.
pub(super) fn no_files() -> HttpError {
    let message = "This operation takes no file. Send the request as application/json.";
    HttpError::new(ErrorCode::UnsupportedMediaType, message)
}

/// Checks, while a body is being received, whether its operation takes a file.
pub(super) struct EarlyCheck<'a, F> {
    content_type: &'a str,
    limits: &'a Limits,
    takes_files: F,
    /// How many bytes to wait for before the next attempt to parse the operation. Each attempt waits for twice as
    /// many as the one before, so that many small packets cost little more than one large one.
    next_attempt: usize,
    is_done: bool,
}

/// The boundary and the headers of the first part have fewer bytes.
const PART_HEAD_BYTES: usize = 4 << 10;

impl<'a, F: FnMut(&GraphqlRequest) -> bool> EarlyCheck<'a, F> {
    pub(super) fn new(content_type: &'a str, limits: &'a Limits, takes_files: F) -> Self {
        Self { content_type, limits, takes_files, next_attempt: 1, is_done: false }
    }

    /// Checks the operation if it has arrived.
    pub(super) fn received(&mut self, beginning: &[u8]) -> Result<(), HttpError> {
        if self.is_done || beginning.len() < self.next_attempt {
            return Ok(());
        }
        self.next_attempt = 2 * beginning.len();
        self.check(Bytes::copy_from_slice(beginning))?;
        if !self.is_done && beginning.len() > self.limits.body_bytes + PART_HEAD_BYTES {
            return Err(part_too_long());
        }
        Ok(())
    }

    /// Checks the operation of a complete body.
    pub(super) fn completed(&mut self, body: &Bytes) -> Result<(), HttpError> {
        if self.is_done { Ok(()) } else { self.check(body.clone()) }
    }

    /// A body without a valid operation passes: `read` reports its error.
    fn check(&mut self, body: Bytes) -> Result<(), HttpError> {
        let operation = operation(self.content_type, body, self.limits).now_or_never();
        let Some(request) = operation.flatten() else { return Ok(()) };
        self.is_done = true;
        if (self.takes_files)(&request) { Ok(()) } else { Err(no_files()) }
    }
}

/// The operation of a body. `None` if it has not arrived completely, or is invalid.
async fn operation(content_type: &str, body: Bytes, limits: &Limits) -> Option<GraphqlRequest> {
    let mut parts = parts(content_type, body, limits).ok()?;
    let operations = expect_part(&mut parts, "operations").await.ok()?;
    parameters(json_object(&operations).ok()?).ok()
}

fn parts(
    content_type: &str,
    body: Bytes,
    limits: &Limits,
) -> Result<Multipart<'static>, HttpError> {
    let boundary = multer::parse_boundary(content_type).map_err(|error| to_http_error(&error))?;
    let sizes = SizeLimit::new()
        .for_field("operations", limits.body_bytes as u64)
        .for_field("map", limits.body_bytes as u64);
    let constraints = Constraints::new().size_limit(sizes);
    let body = stream::once(ready(Ok::<_, Infallible>(body)));
    Ok(Multipart::with_constraints(body, boundary, constraints))
}

/// The paths at which each file is used, by the name of its part.
fn places(map: &[u8], limits: &Limits) -> Result<BTreeMap<String, Vec<String>>, HttpError> {
    let invalid = || bad_request("map must be an object of lists of paths.");
    let map: BTreeMap<String, Vec<String>> = json::parse_as(map).ok_or_else(invalid)?;
    if map.len() > limits.upload_files {
        let message = format!("A request may have at most {} files.", limits.upload_files);
        return Err(HttpError::new(ErrorCode::PayloadTooLarge, message));
    }
    Ok(map)
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

/// The content of a part, which arrives as one chunk, since the whole body has arrived. It is not copied.
async fn read_part(mut part: Field<'static>) -> Result<Bytes, HttpError> {
    let mut content = Bytes::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| to_http_error(&error))? {
        content = match content.is_empty() {
            true => chunk,
            false => [content, chunk].concat().into(),
        };
    }
    Ok(content)
}

fn part_too_long() -> HttpError {
    HttpError::new(ErrorCode::PayloadTooLarge, "The part operations or map is too long.")
}

fn to_http_error(error: &multer::Error) -> HttpError {
    match error {
        multer::Error::FieldSizeExceeded { .. } => part_too_long(),
        _ => bad_request("The body is not a valid multipart request, or is incomplete."),
    }
}
