//! Passwords that may be set.

use secrecy::{ExposeSecret, SecretString};

use super::validation_error::{ValidationError, ValidationErrorCode};

/// bcrypt reads 72 bytes, the last of which is its terminator.
pub(crate) const MAX_BYTES: usize = 71;

/// How many guesses an attacker who tries the likeliest first may need for a password to be too
/// common. Every entry of zxcvbn's list of 30,000 leaked passwords falls below it, and with them
/// their trivial variants (OWASP ASVS 5.0, 6.2.4 asks for the top 3,000).
const MIN_GUESSES: u64 = 100_000;

/// How much of a password is scored: nothing common is longer, and the time that scoring takes
/// grows with the square of the length.
const SCORED_PREFIX_CHARS: usize = 24;

/// At least 8 characters and at most 71 bytes, no NUL, and none that guessers try first.
#[derive(Clone, Debug)]
pub(crate) struct Password(SecretString);

impl Password {
    /// `hints` are the words a guesser would try for this person: username and email. Takes
    /// milliseconds, and up to a quarter of a second for texts that are made to.
    pub(crate) fn parse(text: &str, hints: &[String]) -> Result<Self, ValidationError> {
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
                "A password has at least 8 characters.",
            ));
        }
        if text.len() > MAX_BYTES {
            let message = format!("A password has at most {MAX_BYTES} bytes.");
            return Err(ValidationError::new(ValidationErrorCode::TooLong, message));
        }
        let start: String = text.chars().take(SCORED_PREFIX_CHARS).collect();
        let hints: Vec<&str> = hints.iter().map(String::as_str).collect();
        if zxcvbn::zxcvbn(&start, &hints).guesses() < MIN_GUESSES {
            let message =
                "This password is among the first that guessers try; please choose another.";
            return Err(ValidationError::new(ValidationErrorCode::TooCommon, message));
        }
        Ok(Self(text.into()))
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
            .map_err(|fault| fault.code)
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(parsed(""), Err(ValidationErrorCode::Required));
        assert_eq!(parsed("kV9#tq2"), Err(ValidationErrorCode::TooShort));
        assert_eq!(parsed("correct horse\0battery"), Err(ValidationErrorCode::InvalidFormat));
        assert_eq!(parsed(&"kV9#tq2 ".repeat(9)), Err(ValidationErrorCode::TooLong));
    }

    #[test]
    fn the_limit_counts_bytes() {
        let longest = "correct horse battery staple, but with more words than one could hope for";
        assert!(parsed(&longest[..71]).is_ok());
        assert_eq!(parsed(&longest[..72]), Err(ValidationErrorCode::TooLong));
        assert_eq!(parsed(&"ж".repeat(36)), Err(ValidationErrorCode::TooLong));
    }

    #[test]
    fn what_guessers_try_first_is_refused() {
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
