//! The owner's notes about a book.

use sea_orm::DeriveValueType;

use super::text;
use super::validation_error::ValidationError;

/// 1 to 20,000 characters after trimming. Tabs and line breaks (U+000A) are the only control characters.
#[derive(Clone, Debug, PartialEq, Eq, DeriveValueType)]
pub(crate) struct Notes(String);

impl Notes {
    pub(crate) const MAX_CHARS: usize = 20_000;

    /// Blank text is `None`, not an error. The line breaks of other systems become U+000A.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, ValidationError> {
        Ok(text::parse_lines(text, Self::MAX_CHARS)?.map(Self))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::validation_error::ValidationErrorCode;

    fn parsed(text: &str) -> Result<Option<String>, ValidationErrorCode> {
        Notes::parse(text).map(|notes| notes.map(|notes| notes.0)).map_err(|error| error.code)
    }

    #[test]
    fn notes_allow_line_breaks_but_no_control_characters() {
        assert_eq!(parsed("one\n\ttwo\r\n"), Ok(Some("one\n\ttwo".into())));
        assert_eq!(parsed("one\u{B}two\u{C}three"), Ok(Some("one\ntwo\nthree".into())));
        assert_eq!(parsed("a\u{7}"), Err(ValidationErrorCode::InvalidFormat));
        assert_eq!(parsed("a\0"), Err(ValidationErrorCode::InvalidFormat));
    }

    #[test]
    fn blank_notes_are_none() {
        for blank in ["", " \n", "\u{200B}", "\u{2028}"] {
            assert_eq!(parsed(blank), Ok(None), "{blank:?}");
        }
    }

    #[test]
    fn notes_are_limited_to_20000_characters() {
        assert!(parsed(&format!(" {}\n", "é".repeat(20_000))).is_ok());
        assert_eq!(parsed(&"é".repeat(20_001)), Err(ValidationErrorCode::TooLong));
        let lines = "a\r\n".repeat(10_000);
        assert_eq!(parsed(&lines), Ok(Some(lines.replace('\r', "").trim_end().to_owned())));
    }
}
