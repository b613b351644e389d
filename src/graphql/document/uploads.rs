//! Uploaded files and the variables that refer to them (GraphQL multipart request specification).
//!
//! async-graphql replaces a file in the variables by a string with the index of the file, until the resolver
//! reads it. If a client could send such a string itself, it would refer to a file that does not exist.

use async_graphql::{ServerError, UploadValue};
use serde_json::{Map, Value};

use crate::graphql::error::{ErrorCode, server_error};
use crate::graphql::request::Upload;

/// The prefix of the string by which async-graphql refers to a file.
const UPLOAD_TOKEN_PREFIX: &str = "#__graphql_file__:";

/// Inserts files into the variables at their paths. Each of these values must be null.
pub(super) fn insert_uploads(
    variables: &mut Map<String, Value>,
    uploads: Vec<Upload>,
) -> Result<Vec<UploadValue>, ServerError> {
    if variables.values().any(contains_upload_token) {
        let message = "A file must be sent as a part of a multipart request.";
        return Err(server_error(ErrorCode::BadUserInput, message));
    }
    let mut files = Vec::with_capacity(uploads.len());
    for Upload { file, places } in uploads {
        for place in places {
            let Some(null @ Value::Null) = value_at(variables, &place) else {
                let message = "Each path in map must refer to a variable that is null.";
                return Err(server_error(ErrorCode::BadRequest, message));
            };
            *null = Value::String(format!("{UPLOAD_TOKEN_PREFIX}{}", files.len()));
        }
        files.push(file);
    }
    Ok(files)
}

/// Whether a string refers to a file.
pub(super) fn is_upload_token(text: &str) -> bool {
    text.starts_with(UPLOAD_TOKEN_PREFIX)
}

fn contains_upload_token(value: &Value) -> bool {
    match value {
        Value::String(text) => is_upload_token(text),
        Value::Array(items) => items.iter().any(contains_upload_token),
        Value::Object(fields) => fields.values().any(contains_upload_token),
        _ => false,
    }
}

fn value_at<'a>(variables: &'a mut Map<String, Value>, path: &str) -> Option<&'a mut Value> {
    let mut steps = path.strip_prefix("variables.")?.split('.');
    let first = variables.get_mut(steps.next()?)?;
    steps.try_fold(first, |value, step| match value {
        Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        Value::Object(fields) => fields.get_mut(step),
        _ => None,
    })
}
