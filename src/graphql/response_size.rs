//! The size of a response while it is built. A response that would be too large fails early, before all of
//! it is in memory.

use std::sync::Arc;

use async_graphql::Value;
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::task::yield_now;

use super::error::ApiError;
use super::unread_responses::ResponsePermit;
use crate::byte_counter::ByteCounter;

/// A response with at least this many bytes is large.
const LARGE_BYTES: usize = 64 << 10;

/// The bytes of one response of an operation.
#[derive(Debug)]
pub(crate) struct ResponseSize {
    /// Text read from the database. What is read is in the response at least once, so the limit of the
    /// response is also that of what is read for it.
    pub(super) read: Arc<ByteCounter>,
    /// JSON of the fields that are complete. Short values of single fields are not counted here; the complete
    /// response is checked in the end.
    written: ByteCounter,
    /// The same bytes, among those of all responses that the client has not taken.
    permit: ResponsePermit,
    /// Held while a large response is built.
    large: Mutex<Option<OwnedSemaphorePermit>>,
    /// A mutation has run, so its client must learn the result: it is only rejected before it runs.
    is_mutation: bool,
}

impl ResponseSize {
    pub(super) fn new(limit: usize, permit: ResponsePermit, is_mutation: bool) -> Self {
        let read = Arc::new(ByteCounter::new(limit));
        Self {
            read,
            written: ByteCounter::new(limit),
            permit,
            large: Mutex::default(),
            is_mutation,
        }
    }

    /// Waits until this field may read its list. While the response is small, at once. After that, until no other
    /// large response of the client is being built, so that a client has few rows and one response twice in
    /// memory. The lists of an operation are then read and written one after another, with a yield to the
    /// scheduler before each: other requests wait for one list at most.
    pub(super) async fn wait_for_turn(&self) {
        let mut before = self.written();
        if before >= LARGE_BYTES {
            let mut large = self.large.lock().await;
            if large.is_none() {
                *large = self.permit.acquire_large().await;
            }
        }
        while before >= LARGE_BYTES {
            yield_now().await;
            let now = self.written();
            if now == before {
                // No other field has written since.
                return;
            }
            before = now;
        }
    }

    /// Counts JSON of the response. An error if the response would be too large, or if the client has too many
    /// responses that it has not taken.
    pub(super) fn add_written(&self, bytes: usize) -> Result<(), ApiError> {
        let permitted = self.permit.add(bytes);
        self.written.add(bytes)?;
        match permitted {
            Err(unread) if !self.is_mutation => Err(unread.into()),
            _ => Ok(()),
        }
    }

    /// Removes what was counted for this value, because the JSON that contains it is counted as a whole. Texts
    /// that were not counted are removed too: the sum may be too small, but never too large.
    pub(super) fn remove_written(&self, value: &Value) {
        let bytes = text_bytes(value);
        self.written.remove(bytes);
        self.permit.remove(bytes);
    }

    /// Bytes of JSON that were counted.
    pub(super) fn written(&self) -> usize {
        self.written.bytes()
    }

    /// The permit for the complete response, to be held until the client has taken it.
    pub(super) fn complete(&self, bytes: usize) -> ResponsePermit {
        // No field waits for it any more.
        if let Ok(mut large) = self.large.try_lock() {
            *large = None;
        }
        self.permit.complete(bytes)
    }

    /// Starts to count the next response of a subscription.
    pub(super) fn reset(&self) {
        self.read.reset();
        self.written.reset();
    }
}

/// Bytes of the texts and the JSON in a value.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::Binary(json) => json.len(),
        Value::String(text) => text.len(),
        Value::List(items) => items.iter().map(text_bytes).sum(),
        Value::Object(members) => members.values().map(text_bytes).sum(),
        Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Enum(_) => 0,
    }
}
