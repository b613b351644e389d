//! The size of a response while it is built. A response that would be too large fails early, before all of
//! it is in memory.

use std::sync::Arc;

use async_graphql::Value;

use crate::byte_counter::{ByteCounter, LimitExceeded};

/// The bytes of one response of an operation.
#[derive(Debug)]
pub(crate) struct ResponseSize {
    /// Text read from the database. What is read is in the response at least once, so the limit of the
    /// response is also that of what is read for it.
    pub(super) read: Arc<ByteCounter>,
    /// JSON of the fields that are complete. Short values of single fields are not counted here; the complete
    /// response is checked in the end.
    written: ByteCounter,
}

impl ResponseSize {
    pub(super) fn new(limit: usize) -> Self {
        Self { read: Arc::new(ByteCounter::new(limit)), written: ByteCounter::new(limit) }
    }

    /// Counts JSON of the response. An error if the response would be too large.
    pub(super) fn add_written(&self, bytes: usize) -> Result<(), LimitExceeded> {
        self.written.add(bytes)
    }

    /// Removes what was counted for this value, because the JSON that contains it is counted as a whole. Texts
    /// that were not counted are removed too: the sum may be too small, but never too large.
    pub(super) fn remove_written(&self, value: &Value) {
        self.written.remove(text_bytes(value));
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
