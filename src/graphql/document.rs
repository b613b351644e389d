//! A request, from its text to an operation that may run.

use async_graphql::parser::{self, types::ExecutableDocument, types::OperationType};
use async_graphql::{ServerError, Variables};

use super::error::{ErrorCode, server_error};
use super::guard;
use crate::config::Limits;

/// What a client asks for, on any transport.
#[derive(Debug, Default)]
pub(crate) struct GraphqlRequest {
    /// The document.
    pub(crate) query: String,
    /// Which of its operations to run.
    pub(crate) operation_name: Option<String>,
    pub(crate) variables: Variables,
    /// Whether it came in a way in which nothing may be changed.
    pub(crate) read_only: bool,
}

/// The operation that a request means, for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) name: Option<String>,
    pub(crate) kind: OperationType,
}

/// A document that may be executed.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) document: ExecutableDocument,
    pub(super) operation: Operation,
}

/// Parses the document, guards against what would cost too much to look at, and finds the
/// operation.
pub(super) fn prepare(request: &GraphqlRequest, limits: &Limits) -> Result<Prepared, ServerError> {
    if request.query.len() > limits.document_bytes {
        let message = format!("A document has at most {} bytes.", limits.document_bytes);
        return Err(server_error(ErrorCode::PayloadTooLarge, message));
    }
    let document = parser::parse_query(&request.query).map_err(|error| syntax_error(&error))?;
    guard::check(&document, limits.expanded_selections)?;
    let operation = find_operation(&document, request.operation_name.as_deref())?;
    if request.read_only && operation.kind == OperationType::Mutation {
        return Err(server_error(ErrorCode::MethodNotAllowed, "Send mutations by POST."));
    }
    Ok(Prepared { document, operation })
}

/// Where the syntax is wrong; not what stands there, since nobody is sent their document back.
fn syntax_error(error: &parser::Error) -> ServerError {
    let position = error.positions().next();
    let message = match position {
        Some(position) => {
            format!("Syntax error in line {}, column {}.", position.line, position.column)
        }
        None => "Syntax error.".to_owned(),
    };
    let mut error = server_error(ErrorCode::GraphqlParseFailed, message);
    error.locations.extend(position);
    error
}

/// Section 6.1 of the GraphQL specification: `GetOperation`.
fn find_operation(
    document: &ExecutableDocument,
    name: Option<&str>,
) -> Result<Operation, ServerError> {
    let refused = |message: &str| server_error(ErrorCode::OperationResolutionFailure, message);
    let mut operations = document.operations.iter();
    let found = match name {
        Some(name) => operations
            .find(|(its, _)| its.is_some_and(|its| its == name))
            .ok_or_else(|| refused("The document has no operation with this operationName."))?,
        None => match (operations.next(), operations.next()) {
            (Some(only), None) => only,
            (None, _) => return Err(refused("The document has no operation.")),
            (Some(_), Some(_)) => {
                return Err(refused("operationName must say which of the operations to run."));
            }
        },
    };
    let (name, operation) = found;
    if operation.node.ty == OperationType::Subscription {
        return Err(refused("Subscriptions are not served on this transport."));
    }
    Ok(Operation { name: name.map(ToString::to_string), kind: operation.node.ty })
}
