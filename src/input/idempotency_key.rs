//! Idempotency keys. A client chooses one for each object that it creates, and reuses it in retries.

use sea_orm::DeriveValueType;

/// 1 to 64 characters, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, DeriveValueType)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    pub(crate) fn parse(text: String) -> Option<Self> {
        let fits = !text.is_empty() && text.chars().count() <= 64;
        (fits && !text.chars().any(char::is_control)).then_some(Self(text))
    }
}
