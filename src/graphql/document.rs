//! Documents. Each is parsed, checked against the limits and validated once, and then cached by the hash of
//! its text, for all transports.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use apollo_compiler::ast::Definition;
use apollo_compiler::executable;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Node, Schema};
use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{ServerError, UploadValue, Variables};
use sha2::{Digest, Sha256};

use super::error::{ApiError, ErrorCode, server_error};
use super::request::{GraphqlRequest, OperationInfo};
use crate::config::Limits;

mod apollo_workarounds;
mod cache;
mod collect;
mod convert;
mod cost;
mod counts;
mod limits;
mod line_index;
mod root_fields;
mod rules;
mod syntax;
mod trusted_documents;
mod uploads;
mod validate;
mod variables;
mod visit;

use cache::DocumentCache;
use convert::Converter;
use cost::Cost;
use line_index::LineIndex;
pub(crate) use root_fields::AuthAttempts;
use trusted_documents::TrustedDocuments;
use variables::{DependsOnVariables, NoRequest, VariableDefinitions, normalize_integers};

/// The name of a source, which apollo-compiler requires. Clients never see it.
const SOURCE: &str = "document";

/// SHA-256 of a document's text.
type DocumentHash = [u8; 32];

/// Finds, validates and caches documents.
#[derive(Debug)]
pub(crate) struct Documents {
    schema: Valid<Schema>,
    introspection: bool,
    limits: Limits,
    known: DocumentCache,
    trusted: Option<TrustedDocuments>,
}

/// A valid document.
#[derive(Debug)]
pub(super) struct Document {
    text: Box<str>,
    hash: DocumentHash,
    /// Estimated size in memory.
    bytes: usize,
    operations: Vec<Operation>,
}

/// An operation of a valid document.
#[derive(Debug)]
struct Operation {
    info: OperationInfo,
    variables: VariableDefinitions,
    cost: Cost,
    attempts: AuthAttempts,
    executable: Executable,
}

/// The form in which an operation is executed.
#[derive(Debug)]
enum Executable {
    /// The same for all requests.
    Fixed(ExecutableDocument),
    /// Its shape depends on variables, so it is converted for each request.
    PerRequest {
        operation: Node<executable::Operation>,
        /// Contains the fragments of the operation.
        document: Arc<executable::ExecutableDocument>,
    },
}

/// An operation that may be executed, with its variables.
pub(crate) struct PreparedOperation {
    document: Arc<Document>,
    /// Its index in the document's operations.
    operation: usize,
    variables: Variables,
    cost: u64,
    /// The uploaded files. A variable refers to a file by its index.
    files: Vec<UploadValue>,
}

/// Estimated size in memory of one token of a document that is kept in apollo-compiler's form, in bytes: 155
/// were measured for a list of books with a condition.
const BYTES_PER_TOKEN: usize = 160;

/// Estimated size in memory of an operation without its fields and variables, in bytes.
const BYTES_PER_OPERATION: usize = 1_000;

impl Documents {
    /// Creates the documents of a schema in the Schema Definition Language.
    ///
    /// # Errors
    /// If the schema, or a document in the list at `trusted`, is invalid, or the list cannot be read.
    pub(crate) fn new(
        sdl: &str,
        introspection: bool,
        trusted: Option<&Path>,
        limits: &Limits,
    ) -> anyhow::Result<Self> {
        let mut documents = Self {
            schema: validate::schema(sdl)?,
            introspection,
            limits: limits.clone(),
            known: DocumentCache::new(limits.document_cache_bytes),
            trusted: None,
        };
        if let Some(path) = trusted {
            let read = TrustedDocuments::read(path, &documents);
            let read = read.with_context(|| format!("TRUSTED_DOCUMENTS={}", path.display()))?;
            documents.trusted = Some(read);
        }
        Ok(documents)
    }

    /// Finds the document and the operation of a request, coerces its variables and checks its cost.
    /// `charge` is called before a document that is not cached is parsed. It receives the number of tokens
    /// and may reject the request.
    pub(super) fn find(
        &self,
        request: GraphqlRequest,
        charge: impl FnOnce(usize) -> Result<(), ApiError>,
    ) -> Result<PreparedOperation, Vec<ServerError>> {
        let document =
            self.document(request.query.as_deref(), request.document_id.as_deref(), charge)?;
        let operation = document.find(request.operation_name.as_deref()).map_err(only)?;
        let Operation { info, variables, cost, .. } = &document.operations[operation];
        if request.read_only && info.kind == OperationType::Mutation {
            let message = "Mutations must be sent by POST.";
            return Err(only(server_error(ErrorCode::MethodNotAllowed, message)));
        }
        let mut values = normalize_integers(request.variables);
        let files = uploads::insert_uploads(&mut values, request.uploads).map_err(only)?;
        let variables = variables.coerce(&self.schema, values, &document.text).map_err(only)?;
        let cost = cost.with(&variables);
        if cost > self.limits.cost {
            let message = format!(
                "The operation costs {cost}, and the maximum is {}. Each field costs 1, and a list \
                 costs its page size times its children.",
                self.limits.cost
            );
            return Err(only(server_error(ErrorCode::QueryTooComplex, message)));
        }
        Ok(PreparedOperation { document, operation, variables, cost, files })
    }

    /// The operation as a request for async-graphql. Called once the client is known and charged, since an
    /// operation whose shape depends on variables is converted here.
    pub(super) fn request(&self, prepared: PreparedOperation) -> async_graphql::Request {
        let PreparedOperation { document, operation, variables, files, .. } = prepared;
        let executable = document.executable(operation, &self.schema, &variables);
        let mut request = async_graphql::Request::new("").variables(variables);
        request.uploads = files;
        request.set_parsed_query(executable);
        request
    }

    fn document(
        &self,
        text: Option<&str>,
        id: Option<&str>,
        charge: impl FnOnce(usize) -> Result<(), ApiError>,
    ) -> Result<Arc<Document>, Vec<ServerError>> {
        let refused = |code, message: &str| Err(only(server_error(code, message)));
        let hash = text.map(hash);
        if let Some(trusted) = &self.trusted {
            let found = match (id, hash) {
                (Some(id), _) => trusted
                    .by_id(id)
                    .or_else(|| parse_hash(id).and_then(|hash| trusted.by_hash(hash))),
                (None, Some(hash)) => trusted.by_hash(hash),
                (None, None) => None,
            };
            return match found {
                Some(document) if hash.is_none_or(|hash| hash == document.hash) => Ok(document),
                Some(_) => refused(ErrorCode::BadRequest, HASH_MISMATCH),
                None => {
                    let message = "This server executes only trusted documents.";
                    refused(ErrorCode::DocumentNotTrusted, message)
                }
            };
        }
        let id_hash = id.and_then(parse_hash);
        let Some((text, hash)) = text.zip(hash) else {
            // The message is part of the protocol: clients send the text next.
            return id_hash.and_then(|hash| self.known.get(&hash)).map_or_else(
                || refused(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound"),
                Ok,
            );
        };
        if id.is_some() && id_hash != Some(hash) {
            return refused(ErrorCode::BadRequest, HASH_MISMATCH);
        }
        if let Some(known) = self.known.get(&hash) {
            return Ok(known);
        }
        let document = Arc::new(self.prepare(text, charge)?);
        self.known.insert(Arc::clone(&document));
        Ok(document)
    }

    /// Parses a document, rejects it if validation would cost too much, and validates it.
    fn prepare(
        &self,
        text: &str,
        charge: impl FnOnce(usize) -> Result<(), ApiError>,
    ) -> Result<Document, Vec<ServerError>> {
        if text.len() > self.limits.document_bytes {
            let message =
                format!("A document can have at most {} bytes.", self.limits.document_bytes);
            return Err(only(server_error(ErrorCode::PayloadTooLarge, message)));
        }
        let tokens = syntax::count_tokens(text, self.limits.document_tokens);
        if tokens > self.limits.document_tokens {
            let message =
                format!("A document can have at most {} tokens.", self.limits.document_tokens);
            return Err(only(server_error(ErrorCode::TooManyTokens, message)));
        }
        charge(tokens).map_err(|failure| only(failure.into_server_error()))?;
        let parsed = syntax::parse(text).map_err(only)?;
        limits::check(text, &parsed, &self.limits).map_err(only)?;
        let valid = validate::validate(text, &parsed, &self.schema, self.limits.errors)?;
        let valid = Arc::new(valid.into_inner());
        if !self.introspection && uses_introspection(&valid) {
            let message = "Introspection is disabled.";
            return Err(only(server_error(ErrorCode::GraphqlValidationFailed, message)));
        }
        let positions = LineIndex::new(text);
        let operations = parsed.definitions.iter().filter_map(|definition| {
            let Definition::OperationDefinition(operation) = definition else { return None };
            let name = operation.name.as_ref().map(ToString::to_string);
            let valid_operation = valid.operations.get(name.as_deref()).ok()?;
            let converter = Converter {
                schema: &self.schema,
                document: &valid,
                operation: valid_operation,
                positions: &positions,
                variables: &NoRequest,
            };
            let executable = match converter.convert() {
                Ok(executable) => Executable::Fixed(executable),
                Err(DependsOnVariables) => Executable::PerRequest {
                    operation: Node::clone(valid_operation),
                    document: Arc::clone(&valid),
                },
            };
            Some(Operation {
                cost: Cost::new(&valid, valid_operation),
                attempts: AuthAttempts::of(&parsed, operation),
                variables: VariableDefinitions::new(valid_operation, &operation.variables),
                executable,
                info: OperationInfo {
                    kind: convert::kind(operation.operation_type),
                    name: name.map(Into::into),
                },
            })
        });
        let operations: Vec<_> = operations.collect();
        let executables = operations.iter().filter_map(|operation| match &operation.executable {
            Executable::Fixed(executable) => Some(executable),
            Executable::PerRequest { .. } => None,
        });
        let depends_on_variables = executables.clone().count() < operations.len();
        let of_operation = |operation: &Operation| {
            BYTES_PER_OPERATION + operation.cost.bytes() + operation.variables.estimated_bytes()
        };
        let bytes = text.len()
            + operations.iter().map(of_operation).sum::<usize>()
            + executables.map(convert::estimated_bytes).sum::<usize>()
            + if depends_on_variables { BYTES_PER_TOKEN * tokens } else { 0 };
        Ok(Document { text: text.into(), hash: hash(text), bytes, operations })
    }
}

const HASH_MISMATCH: &str = "The hash does not match the document.";

impl Document {
    /// Section 6.1 of the GraphQL specification: `GetOperation`.
    fn find(&self, name: Option<&str>) -> Result<usize, ServerError> {
        let refused = |message| Err(server_error(ErrorCode::OperationResolutionFailure, message));
        match (name, self.operations.len()) {
            (Some(name), _) => {
                let has_name = |operation: &Operation| operation.info.name.as_deref() == Some(name);
                let found = self.operations.iter().position(has_name);
                found.map_or_else(
                    || refused("The document has no operation with this operationName."),
                    Ok,
                )
            }
            (None, 0) => refused("The document has no operation."),
            (None, 1) => Ok(0),
            (None, _) => refused("operationName is required: the document has several operations."),
        }
    }
}

impl Document {
    /// An operation in the form in which it is executed with these variables.
    fn executable(
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

impl PreparedOperation {
    pub(crate) fn operation(&self) -> OperationInfo {
        self.document.operations[self.operation].info.clone()
    }

    pub(super) fn cost(&self) -> u64 {
        self.cost
    }

    pub(super) fn attempts(&self) -> AuthAttempts {
        self.document.operations[self.operation].attempts
    }
}

fn uses_introspection(document: &apollo_compiler::ExecutableDocument) -> bool {
    document.operations.iter().any(|operation| {
        operation.root_fields(document).any(|field| matches!(&*field.name, "__schema" | "__type"))
    })
}

fn only(error: ServerError) -> Vec<ServerError> {
    vec![error]
}

fn hash(text: &str) -> DocumentHash {
    Sha256::digest(text).into()
}

/// An id without the prefix that names its hash function.
fn strip_sha256_prefix(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

/// Parses 64 hexadecimal digits, after an optional prefix `sha256:`.
fn parse_hash(id: &str) -> Option<DocumentHash> {
    let digits = strip_sha256_prefix(id).as_bytes();
    let mut hash = DocumentHash::default();
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(16 * digit(pair[0])? + digit(pair[1])?).ok()?;
    }
    Some(hash)
}
