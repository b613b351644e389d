//! A cache of valid documents, as large as the memory limit allows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;

use super::model::{Document, DocumentHash};

/// A cache of documents, which evicts the least recently used ones. A cache that weighs how often an entry is used
/// evicts new entries first, and with them the persisted query that a client has just registered.
#[derive(Debug)]
pub(super) struct DocumentCache {
    max_bytes: usize,
    entries: Mutex<Entries>,
}

impl DocumentCache {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, entries: Mutex::default() }
    }

    /// The document with this text, which is now the most recently used.
    ///
    /// Clients that send the text are served without its SHA-256, which is 5 % of the instructions of a small query
    /// on a processor without instructions for it.
    pub(super) fn get(&self, text: &str) -> Option<Arc<Document>> {
        self.entries().by_text.get(text).cloned()
    }

    /// The document with this hash, which is now the most recently used.
    pub(super) fn get_by_hash(&self, hash: &DocumentHash) -> Option<Arc<Document>> {
        let mut entries = self.entries();
        let document = Arc::clone(entries.by_hash.get(hash)?);
        entries.by_text.get(&document.text);
        Some(document)
    }

    /// Adds a document and evicts others until the limit is kept. A document that is larger than the
    /// limit is not kept.
    pub(super) fn insert(&self, document: Arc<Document>) {
        if document.bytes > self.max_bytes {
            return;
        }
        let mut entries = self.entries();
        entries.bytes += document.bytes;
        entries.by_hash.insert(document.hash, Arc::clone(&document));
        if let Some(replaced) = entries.by_text.insert(Arc::clone(&document.text), document) {
            entries.bytes -= replaced.bytes;
        }
        while entries.bytes > self.max_bytes {
            let Some((_, evicted)) = entries.by_text.remove_lru() else { break };
            entries.by_hash.remove(&evicted.hash);
            entries.bytes -= evicted.bytes;
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both maps have the same documents.
#[derive(Debug)]
struct Entries {
    by_text: LruCache<Arc<str>, Arc<Document>>,
    by_hash: HashMap<DocumentHash, Arc<Document>>,
    /// Estimated size of all documents.
    bytes: usize,
}

impl Default for Entries {
    fn default() -> Self {
        Self { by_text: LruCache::new_unbounded(), by_hash: HashMap::new(), bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(id: u8, bytes: usize) -> Arc<Document> {
        let (text, hash, operations) = (id.to_string().into(), [id; 32], Vec::new());
        Arc::new(Document { text, hash, bytes, operations })
    }

    fn is_cached(cache: &DocumentCache, id: u8) -> bool {
        // By turns, so that both ways must make it the most recently used.
        let documents = match id % 2 {
            0 => [cache.get(&id.to_string()), cache.get_by_hash(&[id; 32])],
            _ => [cache.get_by_hash(&[id; 32]), cache.get(&id.to_string())],
        };
        assert_eq!(documents[0].is_some(), documents[1].is_some());
        documents[0].is_some()
    }

    #[test]
    fn the_least_recently_used_document_is_evicted_first() {
        let cache = DocumentCache::new(100);
        for id in 0..10 {
            cache.insert(document(id, 10));
        }
        assert!(is_cached(&cache, 0));
        cache.insert(document(10, 10));
        assert!(is_cached(&cache, 0) && is_cached(&cache, 10) && !is_cached(&cache, 1));
        cache.insert(document(11, 60));
        assert!(is_cached(&cache, 0) && is_cached(&cache, 11) && !is_cached(&cache, 7));
        assert!(is_cached(&cache, 8));
    }

    #[test]
    fn replaced_documents_are_counted_once_and_oversized_ones_are_not_cached() {
        let cache = DocumentCache::new(100);
        for _ in 0..20 {
            cache.insert(document(0, 60));
        }
        cache.insert(document(1, 40));
        assert!(is_cached(&cache, 0) && is_cached(&cache, 1));
        cache.insert(document(2, 101));
        assert!(!is_cached(&cache, 2));
        assert!(is_cached(&cache, 0) && is_cached(&cache, 1));
        cache.insert(document(3, 100));
        assert!(is_cached(&cache, 3));
    }
}
