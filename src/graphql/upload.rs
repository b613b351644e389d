//! Uploaded files as arguments (GraphQL multipart request specification).
//!
//! async-graphql replaces a file in the variables by a string with the index of the file, its token, until the resolver
//! reads it.

use std::sync::Arc;

use async_graphql::{Context, Upload};
use bytes::Bytes;

use super::error::{ApiError, Result};

/// The name of the scalar of files.
pub(super) const UPLOAD_SCALAR: &str = "Upload";

/// The prefix of a token. If a client could send such a string itself, it would refer to a file that does not exist.
const TOKEN_PREFIX: &str = "#__graphql_file__:";

/// The token of the file with this index.
pub(super) fn token(index: usize) -> String {
    format!("{TOKEN_PREFIX}{index}")
}

/// Whether a string refers to a file.
pub(super) fn is_token(text: &str) -> bool {
    text.starts_with(TOKEN_PREFIX)
}

/// The bytes of an uploaded file. They are shared, not copied.
pub(super) fn content(ctx: &Context<'_>, file: Upload) -> Result<Bytes> {
    match file.value(ctx) {
        Ok(file) => Ok(file.content),
        Err(error) => Err(ApiError::Internal(Arc::new(error))),
    }
}
