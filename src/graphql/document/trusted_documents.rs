//! The list of trusted documents, which replaces the cache of documents.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use async_graphql::ServerError;
use serde::Deserialize;

use super::model::{Document, DocumentHash, strip_sha256_prefix};
use super::prepare::DocumentPreparer;
use super::syntax::tokens;

/// The value of `format` in the manifests of Apollo's tools.
const APOLLO_FORMAT: &str = "apollo-persisted-query-manifest";

/// A list of trusted documents, by their id in the list and by the hash of their text. If a list is configured, no
/// other documents are executed.
#[derive(Debug, Default)]
pub(super) struct TrustedDocuments {
    by_id: HashMap<String, Arc<Document>>,
    by_hash: HashMap<DocumentHash, Arc<Document>>,
}

impl TrustedDocuments {
    /// Reads a JSON file with ids and texts. It is an object that maps ids to texts, as GraphQL Code Generator and
    /// Relay's compiler write it, or a manifest of Apollo's `generate-persisted-query-manifest`.
    ///
    /// # Errors
    /// If the file cannot be read, has another format, or contains an invalid document.
    pub(super) fn read(path: &Path, preparer: &DocumentPreparer) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow!("the file does not exist"),
            ErrorKind::IsADirectory => anyhow!("it is a folder; add the name of a file"),
            ErrorKind::PermissionDenied => anyhow!("the server may not read the file"),
            _ => anyhow!(error).context("cannot read the file"),
        })?;
        let mut trusted = Self::default();
        for (id, text) in parse(text.trim_start_matches('\u{feff}'))? {
            let document = preparer.prepare(&text, |_| Ok(())).map_err(|errors| {
                let errors: Vec<_> =
                    errors.into_iter().map(|ServerError { message, .. }| message).collect();
                anyhow!("the document {id} is not valid: {}", errors.join(" "))
            })?;
            let document = Arc::new(document);
            trusted.by_hash.insert(document.hash, Arc::clone(&document));
            trusted.by_id.insert(strip_sha256_prefix(&id).to_owned(), document);
        }
        Ok(trusted)
    }

    pub(super) fn by_id(&self, id: &str) -> Option<Arc<Document>> {
        self.by_id.get(strip_sha256_prefix(id)).cloned()
    }

    pub(super) fn by_hash(&self, hash: DocumentHash) -> Option<Arc<Document>> {
        self.by_hash.get(&hash).cloned()
    }
}

/// The id and the text of each document in a file.
fn parse(file: &str) -> anyhow::Result<Vec<(String, String)>> {
    let expected = "expected a JSON object that maps ids to documents, or a manifest of Apollo";
    let value: serde_json::Value = serde_json::from_str(file).context(expected)?;
    if value["format"] != APOLLO_FORMAT {
        let texts: HashMap<String, String> = serde_json::from_value(value).context(expected)?;
        return Ok(texts.into_iter().collect());
    }
    let version = &value["version"];
    anyhow::ensure!(version == 1, "expected version 1 of {APOLLO_FORMAT}, found {version}");
    let manifest: ApolloManifest = serde_json::from_value(value).context(expected)?;
    Ok(manifest.operations.into_iter().map(|ApolloOperation { id, body }| (id, body)).collect())
}

/// <https://www.apollographql.com/docs/graphos/platform/security/persisted-queries#manifest-format>
#[derive(Deserialize)]
struct ApolloManifest {
    operations: Vec<ApolloOperation>,
}

#[derive(Deserialize)]
struct ApolloOperation {
    id: String,
    /// The text of the document.
    body: String,
}

/// Logs that a document is not in the list: developers search for it when a client is newer than the list. The log
/// contains names and hashes only, cut to a fixed length.
pub(super) fn log_untrusted(
    operation_name: Option<&str>,
    text: Option<&str>,
    id: Option<&str>,
    hash: Option<DocumentHash>,
) {
    let operation = operation_name.or_else(|| first_operation_name(text?));
    let hash = hash.map(hex::encode);
    tracing::warn!(
        operation = operation.map(shortened),
        hash = hash.as_deref().or(id.map(shortened)),
        "rejected a document that is not in TRUSTED_DOCUMENTS"
    );
}

/// The name of the first operation in a text that may be invalid.
fn first_operation_name(text: &str) -> Option<&str> {
    let mut previous = "";
    tokens(text).take(1_000).find_map(|token| {
        let is_name = ["query", "mutation", "subscription"].contains(&previous);
        let name = is_name.then(|| token.data()).filter(|name| *name != "{" && *name != "(");
        previous = token.data();
        name
    })
}

/// The first 80 bytes of a text.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(80)]
}
