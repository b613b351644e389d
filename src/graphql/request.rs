//! What a transport hands over: a request, its files, and the operation that it names.

use std::sync::Arc;

use async_graphql::UploadValue;
use async_graphql::parser::types::OperationType;
use serde_json::{Map, Value};

/// A GraphQL request, on any transport.
#[derive(Default)]
pub(crate) struct GraphqlRequest {
    /// The text of the document.
    pub(crate) query: Option<String>,
    /// Identifies a document that the server has: its SHA-256 in hexadecimal digits, or its id in the list
    /// of trusted documents. The prefix `sha256:` is optional.
    pub(crate) document_id: Option<String>,
    /// The name of the operation to execute.
    pub(crate) operation_name: Option<String>,
    pub(crate) variables: Map<String, Value>,
    pub(crate) uploads: Vec<Upload>,
    /// Whether the transport forbids mutations, as GET does.
    pub(crate) read_only: bool,
}

/// A file and the variables that refer to it.
pub(crate) struct Upload {
    pub(crate) file: UploadValue,
    /// Paths such as `variables.input.file` or `variables.files.0`.
    pub(crate) places: Vec<String>,
}

/// The name and the kind of a request's operation, for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationInfo {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: OperationType,
}
