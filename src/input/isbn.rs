//! International Standard Book Numbers (ISO 2108), in all common spellings.

use isbn::{Isbn10, Isbn13, IsbnError};
use sea_orm::DeriveValueType;

use super::validation_error::{ValidationError, ValidationErrorCode};

/// An ISBN-13 with a correct check digit.
#[derive(Clone, Debug, PartialEq, Eq, DeriveValueType)]
pub(crate) struct Isbn(String);

impl Isbn {
    /// Parses an ISBN-10 or ISBN-13. It may contain hyphens, dashes or spaces anywhere, and may start
    /// with a label (`ISBN-13: 978-0-13-595705-9`). Blank text is `None`, not an error.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, ValidationError> {
        let code = without_label(text.trim());
        if code.is_empty() && text.trim().is_empty() {
            return Ok(None);
        }
        let digits: Option<Vec<u8>> =
            code.chars().filter(|c| !is_separator(*c)).map(digit_value).collect();
        let digits = digits.ok_or_else(not_an_isbn)?;
        let isbn = if let Ok(digits) = <[u8; 10]>::try_from(&digits[..]) {
            Isbn10::new(digits).map(Isbn13::from)
        } else if let Ok(digits) = <[u8; 13]>::try_from(&digits[..]) {
            Isbn13::new(digits)
        } else {
            return Err(not_an_isbn());
        };
        let digits = isbn.map_err(|error| validation_error(&error))?.to_string();
        if digits.starts_with("9790") {
            let message = "Numbers that start with 979-0 identify printed music, not books.";
            return Err(ValidationError::new(ValidationErrorCode::InvalidFormat, message));
        }
        if !digits.starts_with("978") && !digits.starts_with("979") {
            return Err(not_an_isbn());
        }
        Ok(Some(Self(digits)))
    }

    /// 13 digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Removes a leading label such as `ISBN` or `ISBN-10:`.
fn without_label(text: &str) -> &str {
    let Some(rest) = text.get(..4).filter(|word| word.eq_ignore_ascii_case("isbn")) else {
        return text;
    };
    let rest = &text[rest.len()..];
    let numbered = rest.trim_start_matches(is_separator);
    for number in ["10", "13"] {
        if let Some(code) = numbered.strip_prefix(number)
            && code.starts_with([':', ' '])
        {
            return code.trim_start_matches(':');
        }
    }
    rest.trim_start_matches(':')
}

/// Spaces, hyphens, and the dashes that word processors replace hyphens with.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{AD}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// The value of a digit. `X` is ten; it is valid only as the last digit of an ISBN-10.
fn digit_value(c: char) -> Option<u8> {
    match c {
        '0'..='9' => Some(c as u8 - b'0'),
        'x' | 'X' => Some(10),
        _ => None,
    }
}

fn validation_error(error: &IsbnError) -> ValidationError {
    match error {
        IsbnError::InvalidChecksum => ValidationError::new(
            ValidationErrorCode::IsbnChecksum,
            "The ISBN check digit is wrong; please check for a typo.",
        ),
        _ => not_an_isbn(),
    }
}

fn not_an_isbn() -> ValidationError {
    let message = "An ISBN has 10 or 13 digits; the last of 10 may be an X.";
    ValidationError::new(ValidationErrorCode::InvalidFormat, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<Option<String>, ValidationErrorCode> {
        Isbn::parse(text).map(|isbn| isbn.map(|isbn| isbn.0)).map_err(|error| error.code)
    }

    #[test]
    fn every_common_spelling_is_normalized() {
        for spelling in [
            "9780135957059",
            "978-0-13-595705-9",
            "978 0 13 595705 9",
            " 978\u{2013}0\u{2013}13\u{2013}595705\u{2013}9 ",
            "ISBN 978-0-13-595705-9",
            "ISBN-13: 978-0-13-595705-9",
            "isbn:9780135957059",
            "0135957052",
            "0-13-595705-2",
            "ISBN-10 0-13-595705-2",
            "ISBN0135957052",
        ] {
            assert_eq!(parsed(spelling), Ok(Some("9780135957059".into())), "{spelling}");
        }
    }

    #[test]
    fn an_x_stands_for_check_digit_ten() {
        assert_eq!(parsed("080442957X"), Ok(Some("9780804429573".into())));
        assert_eq!(parsed("0-8044-2957-x"), Ok(Some("9780804429573".into())));
        assert_eq!(parsed("X804429570"), Err(ValidationErrorCode::InvalidFormat));
    }

    #[test]
    fn a_blank_isbn_is_none() {
        assert_eq!(parsed(""), Ok(None));
        assert_eq!(parsed(" \t"), Ok(None));
    }

    #[test]
    fn typos_ismns_and_invalid_text_are_rejected() {
        assert_eq!(parsed("9780135957050"), Err(ValidationErrorCode::IsbnChecksum));
        assert_eq!(parsed("0135957053"), Err(ValidationErrorCode::IsbnChecksum));
        assert_eq!(parsed("979-0-2600-0043-8"), Err(ValidationErrorCode::InvalidFormat));
        for nonsense in [
            "-",
            "ISBN",
            "978",
            "97801359570590",
            "four",
            "4006381333931",
            "９７８",
            "978013595705X",
        ] {
            assert_eq!(parsed(nonsense), Err(ValidationErrorCode::InvalidFormat), "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn isbn_10_and_isbn_13_of_a_book_are_equal(body in prop::array::uniform9(0u8..10)) {
            let sum: u32 = (2..=10).rev().zip(body).map(|(weight, d)| weight * u32::from(d)).sum();
            let check = (11 - sum % 11) % 11;
            let digits: String = body.iter().map(ToString::to_string).collect();
            let last = if check == 10 { "X".to_owned() } else { check.to_string() };
            let from_10 = parsed(&format!("{digits}{last}")).expect("valid").expect("an ISBN");
            let unchecked = format!("978{digits}");
            prop_assert!(from_10.starts_with(&unchecked));
            prop_assert_eq!(parsed(&from_10), Ok(Some(from_10.clone())));
        }

        #[test]
        fn a_single_wrong_digit_is_rejected(position in 0usize..13, shift in 1u8..10) {
            let mut digits = *b"9780135957059";
            digits[position] = b'0' + (digits[position] - b'0' + shift) % 10;
            let text = std::str::from_utf8(&digits).expect("digits");
            prop_assert!(parsed(text).is_err());
        }

        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _ = Isbn::parse(&text);
        }
    }
}
