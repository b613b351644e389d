//! The email address of an account, used to sign in.

use email_address::{EmailAddress, Options};
use unicode_normalization::UnicodeNormalization;

use super::text;
use super::validation_error::{ValidationError, ValidationErrorCode};

/// An address of at most 120 characters (RFC 5322, RFC 6531). Its domain has two labels or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email {
    typed: String,
    key: String,
}

impl Email {
    pub(crate) fn parse(text: &str) -> Result<Self, ValidationError> {
        let typed = text::parse_line(text, 120)?;
        let key = key(&typed).ok_or_else(|| {
            let message = "Please enter a valid email address.";
            ValidationError::new(ValidationErrorCode::InvalidFormat, message)
        })?;
        Ok(Self { typed, key })
    }

    /// As typed.
    pub(crate) fn as_str(&self) -> &str {
        &self.typed
    }

    /// The folded address, which must be unique: without case, and with its domain in Punycode.
    pub(crate) fn key(&self) -> String {
        self.key.clone()
    }
}

/// The folded address; `None` if the address is invalid.
fn key(address: &str) -> Option<String> {
    let (local_part, domain) = address.rsplit_once('@')?;
    // The same for a domain in Unicode and in Punycode (UTS #46).
    let domain = idna::domain_to_ascii(domain).ok()?;
    let options =
        Options::default().with_required_tld().without_display_text().without_domain_literal();
    let ascii_domain = format!("{}@{domain}", local_part.nfc());
    EmailAddress::parse_with_options(&ascii_domain, options).ok()?;
    Some(format!("{}@{domain}", text::fold_case(local_part)))
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
    fn a_domain_in_unicode_and_in_punycode_is_the_same() {
        let key = |address| Email::parse(address).map(|email| email.key()).expect("an address");
        for address in [
            "leser@käse.de",
            "Leser@KÄSE.DE",
            "leser@ka\u{308}se.de",
            "LESER@xn--kse-qla.de",
            "leser@XN--KSE-QLA.de",
            "leser@käse\u{3002}de",
            "\u{FEFF}leser@käse.de\u{200B}",
        ] {
            assert_eq!(key(address), "leser@xn--kse-qla.de", "{address}");
        }
        assert_eq!(
            Email::parse("Leser@Käse.de").map(|it| it.typed),
            Ok("Leser@Käse.de".to_owned())
        );
        assert_eq!(key("ada@उदाहरण.परीक्षा"), key("ada@xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g"));
        assert_eq!(key("jörg@example.org"), key("JO\u{308}RG@example.org"));
        assert_ne!(key("jorg@example.org"), key("jörg@example.org"));
        assert_ne!(key("leser@käse.de"), key("leser@kase.de"));
        assert_ne!(key("leser@straße.de"), key("leser@strasse.de"));
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
            ("ada@xn--a.org", ValidationErrorCode::InvalidFormat),
            ("ada@-.org", ValidationErrorCode::InvalidFormat),
            ("ada@exam ple.org", ValidationErrorCode::InvalidFormat),
            ("ada@a@example.org", ValidationErrorCode::InvalidFormat),
            (&format!("{}@{}.org", "a".repeat(60), "b".repeat(56)), ValidationErrorCode::TooLong),
        ] {
            assert_eq!(Email::parse(address).map_err(|error| error.code), Err(code), "{address}");
        }
        assert!(Email::parse(&format!("{}@{}.org", "a".repeat(60), "b".repeat(55))).is_ok());
    }
}
