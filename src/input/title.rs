//! A book's title.

use sea_orm::DeriveValueType;

use super::text;
use super::validation_error::ValidationError;

/// 1 to 500 characters after trimming, in one line.
#[derive(Clone, Debug, PartialEq, Eq, DeriveValueType)]
pub(crate) struct Title(String);

impl Title {
    pub(crate) const MAX_CHARS: usize = 500;

    pub(crate) fn parse(text: &str) -> Result<Self, ValidationError> {
        text::parse_line(text, Self::MAX_CHARS).map(Self)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
