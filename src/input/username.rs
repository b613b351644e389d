//! The public name of an account.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::text;
use super::validation_error::{ValidationError, ValidationErrorCode};

/// 3 to 80 characters: letters and digits of any script, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Username(String);

impl Username {
    pub(crate) fn parse(text: &str) -> Result<Self, ValidationError> {
        let name: String = text::parse_line(text, usize::MAX)?.nfc().collect();
        text::check_max_chars(&name, 80)?;
        // Many scripts write vowels and tones as combining marks after a letter.
        if name.starts_with(is_combining_mark) || !name.chars().all(is_allowed_char) {
            let message =
                "A username may contain only letters, digits, dots, underscores and hyphens.";
            return Err(ValidationError::new(ValidationErrorCode::InvalidFormat, message));
        }
        if name.chars().count() < 3 {
            return Err(ValidationError::new(
                ValidationErrorCode::TooShort,
                "A username must have at least 3 characters.",
            ));
        }
        Ok(Self(name))
    }

    /// As typed.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folded name, which must be unique.
    pub(crate) fn key(&self) -> String {
        text::fold_case(&self.0)
    }
}

fn is_allowed_char(c: char) -> bool {
    let is_letter = c.is_alphanumeric() || is_combining_mark(c);
    is_letter && !text::is_invisible(c) || matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_allow_letters_of_any_script() {
        for name in
            ["ada", "grace.hopper-1906", "Łukasz_", "نجيب", "村上春樹", "अनीता", "प्रिया", "Ọlọ́run"]
        {
            assert_eq!(Username::parse(name).map(|name| name.0).as_deref(), Ok(name));
        }
    }

    #[test]
    fn invalid_usernames_have_error_codes() {
        for (name, code) in [
            ("", ValidationErrorCode::Required),
            ("ab", ValidationErrorCode::TooShort),
            ("a b c", ValidationErrorCode::InvalidFormat),
            ("a@b", ValidationErrorCode::InvalidFormat),
            ("\u{301}abc", ValidationErrorCode::InvalidFormat),
            ("ada\0", ValidationErrorCode::InvalidFormat),
            ("ada\u{3164}x", ValidationErrorCode::InvalidFormat),
            ("a\nda", ValidationErrorCode::InvalidFormat),
            (&"a".repeat(81), ValidationErrorCode::TooLong),
        ] {
            assert_eq!(Username::parse(name).map_err(|error| error.code), Err(code), "{name}");
        }
        assert!(Username::parse(&"a".repeat(80)).is_ok());
    }

    #[test]
    fn usernames_are_compared_without_case() {
        let key = |name| Username::parse(name).map(|name| name.key());
        assert_eq!(key("Ada"), key("aDA"));
        assert_eq!(key("\u{200B}Ada\u{FEFF}"), key("ada"));
        assert_eq!(key("Großmann"), key("GROẞMANN"));
        assert_ne!(key("Zoë"), key("zoe"));
        assert_ne!(key("a-da"), key("a.da"));
        assert_ne!(key("ada"), key("adb"));
    }
}
