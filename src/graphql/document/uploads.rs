//! Files, and the places in variables for which they stand (GraphQL multipart request specification).
//!
//! Between here and the resolver async-graphql keeps a file's number in a string, in the place of the
//! file. A client that wrote such a string itself would name a file that is not there.

use async_graphql::{ServerError, UploadValue};
use serde_json::{Map, Value};

use crate::graphql::error::{ErrorCode, server_error};

/// How async-graphql begins the string that stands for a file.
const UPLOAD_TOKEN_PREFIX: &str = "#__graphql_file__:";

/// A file, and where it belongs.
pub(crate) struct Upload {
    pub(crate) file: UploadValue,
    /// Paths such as `variables.input.file` or `variables.files.0`.
    pub(crate) places: Vec<String>,
}

/// Puts files into their places, each of which held null.
pub(super) fn insert_uploads(
    variables: &mut Map<String, Value>,
    uploads: Vec<Upload>,
) -> Result<Vec<UploadValue>, ServerError> {
    if variables.values().any(contains_upload_token) {
        let message = "A file comes as a part of a multipart request.";
        return Err(server_error(ErrorCode::BadUserInput, message));
    }
    let mut files = Vec::with_capacity(uploads.len());
    for Upload { file, places } in uploads {
        for place in places {
            let Some(null @ Value::Null) = value_at(variables, &place) else {
                let message = "map must lead to variables that are null.";
                return Err(server_error(ErrorCode::BadRequest, message));
            };
            *null = Value::String(format!("{UPLOAD_TOKEN_PREFIX}{}", files.len()));
        }
        files.push(file);
    }
    Ok(files)
}

/// Whether a text in a document stands for a file.
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
