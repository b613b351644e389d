//! Documents. Each is parsed, checked against the limits and validated once, and then cached for
//! all transports.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use async_graphql::parser::types::OperationType;
use async_graphql::{ServerError, UploadValue, Variables};

use super::error::{ApiError, ErrorCode, server_error};
use super::request::{GraphqlRequest, OperationInfo};
use super::upload::UPLOAD_SCALAR;
use crate::config::Limits;

mod apollo_workarounds;
mod cache;
mod collect;
mod convert;
mod cost;
mod invalid_value;
pub(super) mod limits;
mod messages;
mod model;
mod prepare;
mod syntax;
mod trusted_documents;
mod variables;

use cache::DocumentCache;
use limits::AuthAttempts;
use model::{Document, Operation, hash, parse_hash};
use prepare::DocumentPreparer;
use trusted_documents::TrustedDocuments;
use variables::{estimated_bytes, insert_uploads, normalize_integers};

/// Finds, validates and caches documents.
#[derive(Debug)]
pub(crate) struct Documents {
    preparer: DocumentPreparer,
    cached: DocumentCache,
    trusted: Option<TrustedDocuments>,
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
        let preparer = DocumentPreparer::new(sdl, introspection, limits)?;
        let read = |path: &Path| {
            TrustedDocuments::read(path, &preparer)
                .with_context(|| format!("TRUSTED_DOCUMENTS={}", path.display()))
        };
        let trusted = trusted.map(read).transpose()?;
        Ok(Self { preparer, cached: DocumentCache::new(limits.document_cache_bytes), trusted })
    }

    /// Finds the document and the operation of a request, coerces its variables and checks its cost.
    /// `charge` is called before a document that is not cached is parsed. It receives the number of tokens
    /// and may reject the request.
    pub(super) fn find(
        &self,
        request: GraphqlRequest,
        charge: impl FnOnce(usize) -> Result<(), ApiError>,
    ) -> Result<PreparedOperation, Vec<ServerError>> {
        let document = self.document(&request, charge)?;
        self.prepare_operation(document, request).map_err(|error| vec![error])
    }

    /// Finds the operation of a request in its document, coerces its variables and checks its cost.
    fn prepare_operation(
        &self,
        document: Arc<Document>,
        request: GraphqlRequest,
    ) -> Result<PreparedOperation, ServerError> {
        let operation = document.find_operation(request.operation_name.as_deref())?;
        let Operation { info, variables, cost, .. } = &document.operations[operation];
        if request.read_only && info.kind == OperationType::Mutation {
            let message = "Mutations must be sent by POST.";
            return Err(server_error(ErrorCode::MethodNotAllowed, message));
        }
        let declared = request.variables.values(|name| variables.declares(name));
        let declared = declared.map_err(|_| {
            server_error(ErrorCode::BadRequest, "variables must be an object or null.")
        })?;
        let mut values = normalize_integers(declared);
        let files = insert_uploads(&mut values, request.uploads)?;
        let DocumentPreparer { schema, introspection, .. } = &self.preparer;
        let variables = variables.coerce(schema, *introspection, values, &document.text)?;
        let cost = cost.evaluate(&variables);
        let max = self.preparer.limits.cost;
        if cost > max {
            let message = format!(
                "The operation costs {cost}, and the maximum is {max}. Each field costs 1, and a list \
                 costs its page size times its children."
            );
            return Err(server_error(ErrorCode::QueryTooComplex, message));
        }
        Ok(PreparedOperation { document, operation, variables, cost, files })
    }

    /// Whether an operation can take a file.
    pub(super) fn has_uploads(&self) -> bool {
        self.preparer.schema.types.contains_key(UPLOAD_SCALAR)
    }

    /// Whether the operation of a request takes a file. True if the operation is not found: then the request is
    /// rejected later. `charge` is called as in [`Self::find`].
    pub(super) fn takes_files(
        &self,
        request: &GraphqlRequest,
        charge: impl FnOnce(usize) -> Result<(), ApiError>,
    ) -> bool {
        let Ok(document) = self.document(request, charge) else { return true };
        match document.find_operation(request.operation_name.as_deref()) {
            Ok(index) => document.operations[index].variables.take_files(&self.preparer.schema),
            Err(_) => true,
        }
    }

    /// The operation as a request for async-graphql. Called once the client is known and charged, since an
    /// operation whose shape depends on variables is converted here.
    pub(super) fn request(&self, prepared: PreparedOperation) -> async_graphql::Request {
        let PreparedOperation { document, operation, variables, files, .. } = prepared;
        let executable = document.executable(operation, &self.preparer.schema, &variables);
        let mut request = async_graphql::Request::new("").variables(variables);
        request.uploads = files;
        request.set_parsed_query(executable);
        request
    }

    fn document(
        &self,
        request: &GraphqlRequest,
        charge: impl FnOnce(usize) -> Result<(), ApiError>,
    ) -> Result<Arc<Document>, Vec<ServerError>> {
        let (text, id) = (request.query.as_deref(), request.document_id.as_deref());
        let reject = |code, message: &str| Err(vec![server_error(code, message)]);
        if let Some(trusted) = &self.trusted {
            let hash = text.map(hash);
            let found = match (id, hash) {
                (Some(id), _) => trusted
                    .by_id(id)
                    .or_else(|| parse_hash(id).and_then(|hash| trusted.by_hash(hash))),
                (None, Some(hash)) => trusted.by_hash(hash),
                (None, None) => None,
            };
            return match found {
                Some(document) if hash.is_none_or(|hash| hash == document.hash) => Ok(document),
                Some(_) => reject(ErrorCode::BadRequest, HASH_MISMATCH),
                None => {
                    let name = request.operation_name.as_deref();
                    trusted_documents::log_untrusted(name, text, id, hash);
                    let message = "This server executes only trusted documents, and this one is not in \
                                   its list.";
                    reject(ErrorCode::DocumentNotTrusted, message)
                }
            };
        }
        let id_hash = id.and_then(parse_hash);
        let Some(text) = text else {
            // The message is part of the protocol: clients send the text next.
            return id_hash.and_then(|hash| self.cached.get_by_hash(&hash)).map_or_else(
                || reject(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound"),
                Ok,
            );
        };
        if id.is_some() && id_hash != Some(hash(text)) {
            return reject(ErrorCode::BadRequest, HASH_MISMATCH);
        }
        if let Some(cached) = self.cached.get(text) {
            return Ok(cached);
        }
        let document = Arc::new(self.preparer.prepare(text, charge)?);
        self.cached.insert(Arc::clone(&document));
        Ok(document)
    }
}

const HASH_MISMATCH: &str = "The hash does not match the document.";

impl PreparedOperation {
    pub(crate) fn operation(&self) -> OperationInfo {
        self.document.operations[self.operation].info.clone()
    }

    pub(super) fn cost(&self) -> u64 {
        self.cost
    }

    /// Estimated memory of the variables, in bytes. They are kept for as long as the operation runs.
    pub(crate) fn retained_bytes(&self) -> usize {
        estimated_bytes(&self.variables)
    }

    pub(super) fn attempts(&self) -> AuthAttempts {
        self.document.operations[self.operation].attempts
    }
}
