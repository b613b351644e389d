//! International Standard Book Numbers (ISO 2108), in all common spellings.

use std::str::FromStr;

use isbn::{Isbn10, Isbn13, IsbnError};
use sea_orm::DeriveValueType;

use super::text::{fold, is_punctuation, trim};
use super::validation_error::{ValidationError, ValidationErrorCode};

/// An ISBN-13 with a correct check digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, DeriveValueType)]
pub(crate) struct Isbn(String);

impl Isbn {
    /// Parses an ISBN-10 or ISBN-13. It may contain spaces, hyphens and other punctuation anywhere, digits of any
    /// script, and invisible characters. It may start with a label (`ISBN-13: 978-0-13-595705-9`), and be quoted
    /// as in a spreadsheet (`="0135957052"`). Blank text is `None`, not an error.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, ValidationError> {
        let folded = fold(text);
        let is_empty_cell = !folded.is_empty() && folded.trim_matches(['=', '"', ' ']).is_empty();
        if is_empty_cell || trim(text).is_empty() {
            return Ok(None);
        }
        let digits = digits(without_label(&folded)).ok_or_else(not_an_isbn)?;
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

    /// The ISBN-10 of the same book; `None` if it has none, as those that start with 979.
    pub(crate) fn to_isbn_10(&self) -> Option<String> {
        let isbn = Isbn13::from_str(&self.0).and_then(Isbn10::try_from);
        isbn.ok().map(|isbn| isbn.to_string())
    }
}

/// Digits of which an ISBN-13 must contain one, to be found by this text: those of the text, which may be a part
/// of an ISBN, and those of the ISBN-13 that equals an ISBN-10. Empty if the text is not a part of an ISBN.
pub(super) fn search_digits(text: &str) -> Vec<String> {
    let folded = fold(text);
    let code = without_label(&folded).trim_matches(is_separator);
    // Only hyphens: `9/11` is no ISBN.
    let is_part = code.chars().all(|c| c.is_ascii_digit() || is_hyphen(c));
    let digits = is_part.then(|| code.replace(is_hyphen, ""));
    let part = digits.filter(|digits| matches!(digits.len(), 1..=13));
    let whole = Isbn::parse(text).ok().flatten().map(|isbn| isbn.0);
    let mut found: Vec<String> = part.into_iter().chain(whole).collect();
    found.dedup();
    found
}

/// Removes a label such as `ISBN`, `e-ISBN:` or `ISBN-10` from a folded text.
fn without_label(folded: &str) -> &str {
    let Some((before, after)) = folded.split_once("isbn") else {
        return folded;
    };
    let kind: String = before.chars().filter(|c| !is_separator(*c)).collect();
    if !matches!(kind.as_str(), "" | "e" | "p" | "urn") {
        return folded;
    }
    let numbered = after.trim_start_matches(is_separator);
    for number in ["10", "13"] {
        if let Some(code) = numbered.strip_prefix(number)
            && (code.starts_with(is_separator) || digits(code).is_some_and(|d| is_complete(&d)))
        {
            return code;
        }
    }
    after
}

fn is_complete(digits: &[u8]) -> bool {
    matches!(digits.len(), 10 | 13)
}

/// The digits of a folded text without a label; `None` if it has other letters or symbols. `X` is ten; it is valid
/// only as the last digit of an ISBN-10.
fn digits(folded: &str) -> Option<Vec<u8>> {
    folded.chars().filter(|c| !is_separator(*c)).map(digit_value).collect()
}

fn digit_value(c: char) -> Option<u8> {
    match c {
        '0'..='9' => Some(c as u8 - b'0'),
        'x' => Some(10),
        _ => None,
    }
}

/// Folded text has spaces instead of hyphens and dashes. Japanese keyboards enter a long vowel mark.
fn is_hyphen(c: char) -> bool {
    matches!(c, ' ' | '\u{30FC}' | '\u{2500}')
}

/// What is ignored between digits and around them.
fn is_separator(c: char) -> bool {
    is_hyphen(c) || is_punctuation(c) || c == '='
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
            "ISBN-13 : 978-0135957059",
            "\u{200E}9780135957059",
            "\u{FEFF}978-0-13-595705-9",
            "ISBN-13\u{A0}978-0-13-595705-9",
            "ISBN-13 \u{200F} : \u{200E} 978-0135957059",
            "９７８－０－１３－５９５７０５－９",
            "９７８ー０ー１３ー５９５７０５ー９",
            "٩٧٨٠١٣٥٩٥٧٠٥٩",
            "९७८-०-१३-५९५७०५-९",
            "978\u{2011}0\u{2010}13\u{2212}595705\u{FE63}9",
            "978\u{202F}0\u{2009}13\u{3000}595705\u{2003}9",
            "978\u{AD}0\u{200B}13\u{2060}5957059",
            "=\"0135957052\"",
            "=“9780135957059”",
            "'9780135957059",
            "e-ISBN 978-0-13-595705-9",
            "eISBN: 978-0-13-595705-9",
            "E-ISBN-13:978-0-13-595705-9",
            "ISBN13: 9780135957059",
            "ISBN139780135957059",
            "ISBN100135957052",
            "ISBN (13): 978-0-13-595705-9",
            "ISBN-13: 0-13-595705-2",
            "ＩＳＢＮ：９７８０１３５９５７０５９",
            "ISBN‑13：978‑0‑13‑595705‑9",
            "urn:isbn:9780135957059",
            "(ISBN 978-0-13-595705-9)",
            "978-0-13-595705-9.",
        ] {
            assert_eq!(parsed(spelling), Ok(Some("9780135957059".into())), "{spelling}");
        }
    }

    #[test]
    fn an_x_stands_for_check_digit_ten() {
        assert_eq!(parsed("080442957X"), Ok(Some("9780804429573".into())));
        assert_eq!(parsed("0-8044-2957-x"), Ok(Some("9780804429573".into())));
        assert_eq!(
            parsed("ISBN-10: 0\u{2011}8044\u{2011}2957\u{2011}Ｘ"),
            Ok(Some("9780804429573".into()))
        );
        assert_eq!(parsed("X804429570"), Err(ValidationErrorCode::InvalidFormat));
    }

    #[test]
    fn a_blank_isbn_is_none() {
        for blank in
            ["", " \t", "=\"\"", "=\" \"", "\"\"", "\u{FEFF}", "\u{200B}\u{3164}", "\u{2BA}"]
        {
            assert_eq!(parsed(blank), Ok(None), "{blank:?}");
        }
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
            "978-0-13-595705-9\0",
            "ISBN-13",
            "my ISBN 9780135957059",
            "9780135957059 (paperback)",
            "$9780135957059",
        ] {
            assert_eq!(parsed(nonsense), Err(ValidationErrorCode::InvalidFormat), "{nonsense}");
        }
    }

    #[test]
    fn an_isbn_is_searched_by_its_digits() {
        for (text, expected) in [
            ("978-0-441", vec!["9780441"]),
            ("ISBN-13: 978-0-44", vec!["978044"]),
            ("17271", vec!["17271"]),
            ("９７８", vec!["978"]),
            ("9780135957059", vec!["9780135957059"]),
            ("0-13-595705-2", vec!["0135957052", "9780135957059"]),
            ("080442957X", vec!["9780804429573"]),
            ("(978-0-441),", vec!["9780441"]),
            ("９７８ー０", vec!["9780"]),
            ("9/11", vec![]),
            ("1.5", vec![]),
            ("Dune", vec![]),
            ("x", vec![]),
            ("%", vec![]),
            ("12345678901234", vec![]),
        ] {
            assert_eq!(search_digits(text), expected, "{text}");
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
            prop_assert_eq!(Isbn(from_10).to_isbn_10(), Some(format!("{digits}{last}")));
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
