//! The email address of an account, used to sign in.

use email_address::{EmailAddress, Options};

use super::text;
use super::validation_error::{ValidationError, ValidationErrorCode};

/// An address of at most 120 characters (RFC 5322). Its domain has two labels or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    pub(crate) fn parse(text: &str) -> Result<Self, ValidationError> {
        let address = text::parse_line(text, 120)?;
        let options =
            Options::default().with_required_tld().without_display_text().without_domain_literal();
        match EmailAddress::parse_with_options(&address, options) {
            Ok(_) => Ok(Self(address)),
            Err(_) => Err(ValidationError::new(
                ValidationErrorCode::InvalidFormat,
                "Please enter a valid email address.",
            )),
        }
    }

    /// As typed.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folded address, which must be unique.
    pub(crate) fn key(&self) -> String {
        text::fold_case(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_are_stored_as_typed_and_compared_without_case() {
        let email = Email::parse(" Ada@Example.org ").expect("an address");
        assert_eq!(email.as_str(), "Ada@Example.org");
        assert_eq!(
            Some(email.key()),
            Email::parse("ada@example.ORG").ok().map(|email| email.key())
        );
    }

    #[test]
    fn invalid_emails_have_error_codes() {
        for (address, code) in [
            ("", ValidationErrorCode::Required),
            ("ada", ValidationErrorCode::InvalidFormat),
            ("ada@", ValidationErrorCode::InvalidFormat),
            ("@example.org", ValidationErrorCode::InvalidFormat),
            ("ada@localhost", ValidationErrorCode::InvalidFormat),
            ("ada@[127.0.0.1]", ValidationErrorCode::InvalidFormat),
            ("Ada <ada@example.org>", ValidationErrorCode::InvalidFormat),
            ("a da@example.org", ValidationErrorCode::InvalidFormat),
            ("ada@example.org\0", ValidationErrorCode::InvalidFormat),
            (&format!("{}@{}.org", "a".repeat(60), "b".repeat(56)), ValidationErrorCode::TooLong),
        ] {
            assert_eq!(Email::parse(address).map_err(|error| error.code), Err(code), "{address}");
        }
        assert!(Email::parse(&format!("{}@{}.org", "a".repeat(60), "b".repeat(55))).is_ok());
    }
}
