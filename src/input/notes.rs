//! What a reader wrote about a book.

use super::text;
use super::validation_error::ValidationError;

/// At most 20,000 characters, of which tabs and line breaks are the only control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
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
            Notes::parse("a\u{7}").map_err(|fault| fault.code),
            Err(ValidationErrorCode::InvalidFormat)
        );
        assert_eq!(
            Notes::parse("a\0").map_err(|fault| fault.code),
            Err(ValidationErrorCode::InvalidFormat)
        );
    }

    #[test]
    fn notes_end_at_twenty_thousand_characters() {
        assert!(Notes::parse(&"é".repeat(20_000)).is_ok());
        let fault = Notes::parse(&"é".repeat(20_001)).expect_err("one too many");
        assert_eq!(fault.code, ValidationErrorCode::TooLong);
    }
}
