//! The publisher of a book, in one line.

use sea_orm::DeriveValueType;

use super::text;
use super::validation_error::ValidationError;

/// 1 to 200 characters after trimming, in one line.
#[derive(Clone, Debug, PartialEq, Eq, DeriveValueType)]
pub(crate) struct Publisher(String);

impl Publisher {
    pub(crate) const MAX_CHARS: usize = 200;

    /// Blank text is `None`, not an error.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, ValidationError> {
        if text::is_blank(text) {
            return Ok(None);
        }
        text::parse_line(text, Self::MAX_CHARS).map(|publisher| Some(Self(publisher)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
