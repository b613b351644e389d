//! Rules for new passwords.

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

use super::validation_error::{ValidationError, ValidationErrorCode};

/// Maximum length in bytes. bcrypt reads 72 bytes; the last one is a terminator.
pub(crate) const MAX_BYTES: usize = 71;

/// A password is too common if zxcvbn estimates fewer guesses than this. Every entry of its list of 30,000
/// leaked passwords is below it, and so are their trivial variants (OWASP ASVS 5.0, 6.2.4 requires the
/// top 3,000).
const MIN_GUESSES: u64 = 100_000;

/// How many characters of a password are scored. No common password is longer, and the time for scoring
/// grows with the square of the length.
const SCORED_PREFIX_CHARS: usize = 24;

/// The password that is hashed, the same for every keyboard that it is typed on: composed (NFC), with U+0020 for
/// other spaces (RFC 8265, section 4.2).
pub(crate) fn normalize(text: &str) -> SecretString {
    // The other characters of the category Zs.
    let is_space = |c| {
        matches!(
            c,
            '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
        )
    };
    text.chars().map(|c| if is_space(c) { ' ' } else { c }).nfc().collect::<String>().into()
}

/// At least 8 characters and at most 71 bytes after [`normalize`], without NUL, and not a common password.
#[derive(Clone, Debug)]
pub(crate) struct Password(SecretString);

impl Password {
    /// `hints` are words that an attacker would try for this user: username and email address. Takes
    /// milliseconds; up to a quarter of a second for texts crafted to be slow.
    pub(crate) fn parse(text: &str, hints: &[String]) -> Result<Self, ValidationError> {
        let password = normalize(text);
        let text = password.expose_secret();
        if text.is_empty() {
            return Err(ValidationError::new(
                ValidationErrorCode::Required,
                "Please choose a password.",
            ));
        }
        if text.contains('\0') {
            let message = "A password cannot contain the NUL character.";
            return Err(ValidationError::new(ValidationErrorCode::InvalidFormat, message));
        }
        if text.chars().count() < 8 {
            return Err(ValidationError::new(
                ValidationErrorCode::TooShort,
                "A password must have at least 8 characters.",
            ));
        }
        if text.len() > MAX_BYTES {
            let message = format!("A password must have at most {MAX_BYTES} bytes.");
            return Err(ValidationError::new(ValidationErrorCode::TooLong, message));
        }
        let start: String = text.chars().take(SCORED_PREFIX_CHARS).collect();
        let hints: Vec<&str> = hints.iter().map(String::as_str).collect();
        if zxcvbn::zxcvbn(&start, &hints).guesses() < MIN_GUESSES {
            let message = "This password is too easy to guess; please choose another.";
            return Err(ValidationError::new(ValidationErrorCode::TooCommon, message));
        }
        Ok(Self(password))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(), ValidationErrorCode> {
        Password::parse(text, &["ada.lovelace".to_owned(), "ada@example.org".to_owned()])
            .map(|_| ())
            .map_err(|error| error.code)
    }

    #[test]
    fn invalid_passwords_have_error_codes() {
        assert_eq!(parsed(""), Err(ValidationErrorCode::Required));
        assert_eq!(parsed("kV9#tq2"), Err(ValidationErrorCode::TooShort));
        assert_eq!(parsed("correct horse\0battery"), Err(ValidationErrorCode::InvalidFormat));
        assert_eq!(parsed(&"kV9#tq2 ".repeat(9)), Err(ValidationErrorCode::TooLong));
    }

    #[test]
    fn the_length_limit_counts_bytes() {
        let longest = "correct horse battery staple, but with more words than one could hope for";
        assert!(parsed(&longest[..71]).is_ok());
        assert_eq!(parsed(&longest[..72]), Err(ValidationErrorCode::TooLong));
        assert_eq!(parsed(&"ж".repeat(36)), Err(ValidationErrorCode::TooLong));
    }

    #[test]
    fn passwords_are_composed_before_they_are_measured() {
        let composed = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich hö";
        let decomposed: String = composed.nfd().collect();
        assert_eq!((composed.len(), decomposed.len()), (71, 75));
        let password = Password::parse(&decomposed, &[]).expect("71 bytes");
        assert_eq!(password.expose(), composed);
        assert_eq!(parsed(&format!("{decomposed}y")), Err(ValidationErrorCode::TooLong));
        assert_eq!(parsed("kV9#tqu\u{308}"), Err(ValidationErrorCode::TooShort));
    }

    #[test]
    fn only_spaces_and_the_composition_are_normalized() {
        let normalized = |text| normalize(text).expose_secret().to_owned();
        assert_eq!(normalized("Gru\u{308}ße aus U\u{308}berlingen"), "Grüße aus Überlingen");
        assert_eq!(normalized("a\u{A0}b\u{3000}c\u{2003}"), "a b c ");
        for kept in ["Ａﬁ²", " A\tb\u{200B}", "ß ẞ ss", "'’"] {
            assert_eq!(normalized(kept), kept);
        }
    }

    #[test]
    fn common_passwords_are_rejected() {
        for common in [
            "password",
            "12345678",
            "qwertyuiop",
            "iloveyou",
            "trustno1",
            "Password1",
            "aaaaaaaa",
            "ada.lovelace",
        ] {
            assert_eq!(parsed(common), Err(ValidationErrorCode::TooCommon), "{common}");
        }
        assert_eq!(parsed("correct horse battery staple"), Ok(()));
    }
}
