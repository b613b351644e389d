//! The owner's notes about a book.

use sea_orm::DeriveValueType;

use super::text;
use super::validation_error::ValidationError;

/// At most 20,000 characters. Tabs and line breaks are the only control characters allowed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveValueType)]
pub(crate) struct Notes(String);

impl Notes {
    pub(crate) fn parse(text: &str) -> Result<Self, ValidationError> {
        if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
            return Err(text::control_characters());
        }
        text::check_max_chars(text, 20_000)?;
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::validation_error::ValidationErrorCode;

    #[test]
    fn notes_allow_line_breaks_but_no_control_characters() {
        assert!(Notes::parse("one\n\ttwo\r\n").is_ok());
        assert_eq!(
            Notes::parse("a\u{7}").map_err(|error| error.code),
            Err(ValidationErrorCode::InvalidFormat)
        );
        assert_eq!(
            Notes::parse("a\0").map_err(|error| error.code),
            Err(ValidationErrorCode::InvalidFormat)
        );
    }

    #[test]
    fn notes_are_limited_to_20000_characters() {
        assert!(Notes::parse(&"é".repeat(20_000)).is_ok());
        let error = Notes::parse(&"é".repeat(20_001)).expect_err("one too many");
        assert_eq!(error.code, ValidationErrorCode::TooLong);
    }
}
