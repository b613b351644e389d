//! A valid document and its operations.

use std::sync::Arc;

use apollo_compiler::validation::Valid;
use apollo_compiler::{Node, Schema, executable};
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{ServerError, Variables};
use sha2::{Digest, Sha256};

use super::convert::Converter;
use super::cost::Cost;
use super::limits::AuthAttempts;
use super::syntax::LineIndex;
use super::variables::VariableDefinitions;
use crate::graphql::error::{ErrorCode, server_error};
use crate::graphql::request::OperationInfo;

/// SHA-256 of a document's text.
pub(super) type DocumentHash = [u8; 32];

/// A valid document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) text: Arc<str>,
    pub(super) hash: DocumentHash,
    /// Estimated size in memory.
    pub(super) bytes: usize,
    pub(super) operations: Vec<Operation>,
}

/// An operation of a valid document.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) info: OperationInfo,
    pub(super) variables: VariableDefinitions,
    pub(super) cost: Cost,
    pub(super) attempts: AuthAttempts,
    pub(super) executable: Executable,
}

/// The form in which an operation is executed.
#[derive(Debug)]
pub(super) enum Executable {
    /// The same for all requests.
    Fixed(ExecutableDocument),
    /// Its shape depends on variables, so it is converted for each request.
    PerRequest {
        operation: Node<executable::Operation>,
        /// Contains the fragments of the operation.
        document: Arc<executable::ExecutableDocument>,
    },
}

impl Document {
    /// The index of the operation that a request names (section 6.1 of the GraphQL specification:
    /// `GetOperation`).
    pub(super) fn find_operation(&self, name: Option<&str>) -> Result<usize, ServerError> {
        let reject = |message| Err(server_error(ErrorCode::OperationResolutionFailure, message));
        match (name, self.operations.len()) {
            (Some(name), _) => {
                let has_name = |operation: &Operation| operation.info.name.as_deref() == Some(name);
                let found = self.operations.iter().position(has_name);
                found.map_or_else(
                    || reject("The document has no operation with this operationName."),
                    Ok,
                )
            }
            (None, 0) => reject("The document has no operation."),
            (None, 1) => Ok(0),
            (None, _) => reject("operationName is required: the document has several operations."),
        }
    }

    /// An operation in the form in which it is executed with these variables.
    pub(super) fn executable(
        &self,
        index: usize,
        schema: &Valid<Schema>,
        variables: &Variables,
    ) -> ExecutableDocument {
        match &self.operations[index].executable {
            Executable::Fixed(executable) => executable.clone(),
            Executable::PerRequest { operation, document } => {
                let positions = &LineIndex::new(&self.text);
                let converter = Converter { schema, document, operation, positions, variables };
                let Ok(executable) = converter.convert();
                executable
            }
        }
    }
}

/// The hash that identifies a document.
pub(super) fn hash(text: &str) -> DocumentHash {
    Sha256::digest(text).into()
}

/// An id without the prefix that names its hash function.
pub(super) fn strip_sha256_prefix(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

/// Parses 64 hexadecimal digits, after an optional prefix `sha256:`.
pub(super) fn parse_hash(id: &str) -> Option<DocumentHash> {
    let mut hash = DocumentHash::default();
    hex::decode_to_slice(strip_sha256_prefix(id), &mut hash).ok()?;
    Some(hash)
}
