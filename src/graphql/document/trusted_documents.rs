//! Trusted documents. If a list of them is configured, no other documents are executed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use async_graphql::ServerError;

use super::model::{Document, DocumentHash, strip_sha256_prefix};
use super::prepare::DocumentPreparer;

/// The documents of a list, by their id in the list and by the hash of their text.
#[derive(Debug, Default)]
pub(super) struct TrustedDocuments {
    by_id: HashMap<String, Arc<Document>>,
    by_hash: HashMap<DocumentHash, Arc<Document>>,
}

impl TrustedDocuments {
    /// Reads a JSON object that maps ids to texts, as GraphQL Code Generator and Relay's compiler write it.
    ///
    /// # Errors
    /// If the file cannot be read, has another format, or contains an invalid document.
    pub(super) fn read(path: &Path, preparer: &DocumentPreparer) -> anyhow::Result<Self> {
        let text = std::fs::read(path).context("cannot read the file")?;
        let texts: HashMap<String, String> = serde_json::from_slice(&text)
            .context("expected a JSON object that maps ids to documents")?;
        let mut trusted = Self::default();
        for (id, text) in texts {
            let document = preparer.prepare(&text, |_| Ok(())).map_err(|errors| {
                let errors: Vec<_> =
                    errors.into_iter().map(|ServerError { message, .. }| message).collect();
                anyhow::anyhow!("the document {id} is not valid: {}", errors.join(" "))
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
