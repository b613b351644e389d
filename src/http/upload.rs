//! Operations with files (GraphQL multipart request specification).

use std::collections::BTreeMap;

use async_graphql::UploadValue;
use axum::body::{Body, Bytes};
use multer::{Constraints, Field, Multipart, SizeLimit};
use serde_json::Value;

use super::json;
use super::refusal::Refusal;
use super::request::{bad, members, parameters};
use crate::config::Limits;
use crate::graphql::document::{GraphqlRequest, Uploaded};
use crate::graphql::error::ErrorCode;

/// Reads the parts in their order: the operation, the places of its files, the files.
pub(super) async fn read(
    content_type: &str,
    body: Body,
    limits: &Limits,
) -> Result<GraphqlRequest, Refusal> {
    let boundary = multer::parse_boundary(content_type).map_err(|error| refused(&error, limits))?;
    let sizes = SizeLimit::new()
        .whole_stream(limits.upload_bytes)
        .for_field("operations", limits.body_bytes as u64)
        .for_field("map", limits.body_bytes as u64);
    let constraints = Constraints::new().size_limit(sizes);
    let mut parts = Multipart::with_constraints(body.into_data_stream(), boundary, constraints);

    let operations = named(&mut parts, "operations", limits).await?;
    let mut request = parameters(members(&operations)?)?;
    let mut places = places(&named(&mut parts, "map", limits).await?, limits)?;
    while let Some(part) = next(&mut parts, limits).await? {
        // A file that nobody asked for is read over.
        let Some(places) = part.name().and_then(|name| places.remove(name)) else { continue };
        let filename = part.file_name().unwrap_or_default().to_owned();
        let content_type = part.content_type().map(ToString::to_string);
        let content = content(part, limits).await?;
        let file = UploadValue { filename, content_type, content };
        request.uploads.push(Uploaded { file, places });
    }
    if let Some(missing) = places.keys().next() {
        return Err(bad(format!("There is no part for the file {missing} of map.")));
    }
    Ok(request)
}

/// The places of each file, by the name of its part.
fn places(map: &[u8], limits: &Limits) -> Result<BTreeMap<String, Vec<String>>, Refusal> {
    let wrong = || bad("map must be an object of lists of paths.");
    let Some(Value::Object(map)) = json::parse(map) else { return Err(wrong()) };
    if map.len() > limits.upload_files {
        let message = format!("A request has at most {} files.", limits.upload_files);
        return Err(Refusal::new(ErrorCode::PayloadTooLarge, message));
    }
    map.into_iter()
        .map(|(name, paths)| Some((name, serde_json::from_value::<Vec<String>>(paths).ok()?)))
        .collect::<Option<_>>()
        .ok_or_else(wrong)
}

async fn named(
    parts: &mut Multipart<'static>,
    name: &'static str,
    limits: &Limits,
) -> Result<Bytes, Refusal> {
    match next(parts, limits).await? {
        Some(part) if part.name() == Some(name) => content(part, limits).await,
        _ => Err(bad(format!(
            "The parts must be operations, map and then the files; {name} is missing."
        ))),
    }
}

async fn next(
    parts: &mut Multipart<'static>,
    limits: &Limits,
) -> Result<Option<Field<'static>>, Refusal> {
    parts.next_field().await.map_err(|error| refused(&error, limits))
}

async fn content(part: Field<'static>, limits: &Limits) -> Result<Bytes, Refusal> {
    part.bytes().await.map_err(|error| refused(&error, limits))
}

fn refused(error: &multer::Error, limits: &Limits) -> Refusal {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            let most = limits.upload_bytes;
            let message = format!("A multipart request has at most {most} bytes.");
            Refusal::new(ErrorCode::PayloadTooLarge, message)
        }
        _ => bad("The body is no multipart request, or ended too early."),
    }
}
