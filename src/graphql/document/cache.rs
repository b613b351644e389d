//! A cache of valid documents by the hash of their text, as large as the memory limit allows.

use std::sync::{Arc, Mutex, PoisonError};

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
        let entries = Entries { documents: LruCache::new_unbounded(), bytes: 0 };
        Self { max_bytes, entries: Mutex::new(entries) }
    }

    /// The document with this hash, which is now the most recently used.
    pub(super) fn get(&self, hash: &DocumentHash) -> Option<Arc<Document>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.documents.get(hash).cloned()
    }

    /// Adds a document and evicts others until the limit is kept. A document that is larger than the
    /// limit is not kept.
    pub(super) fn insert(&self, document: Arc<Document>) {
        if document.bytes > self.max_bytes {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.bytes += document.bytes;
        if let Some(replaced) = entries.documents.insert(document.hash, document) {
            entries.bytes -= replaced.bytes;
        }
        while entries.bytes > self.max_bytes {
            let Some((_, evicted)) = entries.documents.remove_lru() else { break };
            entries.bytes -= evicted.bytes;
        }
    }
}

#[derive(Debug)]
struct Entries {
    documents: LruCache<DocumentHash, Arc<Document>>,
    /// Estimated size of all documents.
    bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(id: u8, bytes: usize) -> Arc<Document> {
        let (text, hash, operations) = (Box::default(), [id; 32], Vec::new());
        Arc::new(Document { text, hash, bytes, operations })
    }

    fn is_cached(cache: &DocumentCache, id: u8) -> bool {
        cache.get(&[id; 32]).is_some()
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
