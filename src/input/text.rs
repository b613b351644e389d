//! Shared rules for text: length, allowed characters and folding.

use unicode_normalization::UnicodeNormalization;

use super::validation_error::{ValidationError, ValidationErrorCode};

/// Maximum length of a folded text in an index, in bytes. NFKC can expand one character to eighteen; an
/// index row of PostgreSQL has at most 2,704 bytes.
const FOLDED_BYTES: usize = 1_200;

/// The text for comparison: NFKC and lower case, so that `Ｄune` equals `dune`. It is converted to upper
/// case first, which makes `ς` equal to `σ`, and `ß` equal to `ss`.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    fold_unicode(text)
}

fn fold_unicode(text: &str) -> String {
    text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// Like [`fold`], cut to [`FOLDED_BYTES`], which fits into an index of every database.
pub(crate) fn fold_for_index(text: &str) -> String {
    let mut folded = fold(text);
    folded.truncate(folded.floor_char_boundary(FOLDED_BYTES));
    folded
}

/// One trimmed line of 1 to `max` Unicode scalar values, without control characters.
pub(super) fn parse_single_line(text: &str, max: usize) -> Result<String, ValidationError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ValidationError::new(ValidationErrorCode::Required, "Please fill this in."));
    }
    if text.chars().any(char::is_control) {
        return Err(control_characters());
    }
    check_max_chars(text, max)?;
    Ok(text.to_owned())
}

/// Rejects a text of more than `max` Unicode scalar values.
pub(super) fn check_max_chars(text: &str, max: usize) -> Result<(), ValidationError> {
    // A text has at most as many characters as bytes, and its length in bytes is known.
    if text.len() > max && text.chars().count() > max {
        let message = format!("Please use at most {max} characters.");
        return Err(ValidationError::new(ValidationErrorCode::TooLong, message));
    }
    Ok(())
}

pub(super) fn control_characters() -> ValidationError {
    ValidationError::new(
        ValidationErrorCode::InvalidFormat,
        "Please remove the control characters.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_ignores_case_and_compatibility_forms() {
        assert_eq!(fold("Ｄune"), "dune");
        assert_eq!(fold("ΌΣΟΣ"), fold("όσος"));
        assert_eq!(fold("STRASSE"), fold("Straße"));
        assert_eq!(fold("E\u{301}mile"), fold("Émile"));
        assert_eq!(fold("ﬁn"), "fin");
    }

    #[test]
    fn ascii_folding_matches_unicode_folding() {
        let ascii: String = (0..128u8).map(char::from).collect();
        assert_eq!(fold(&ascii), fold_unicode(&ascii));
    }

    #[test]
    fn folded_text_is_limited_to_the_index_size() {
        let folded = fold_for_index(&"\u{FDFA}".repeat(200));
        assert!(folded.len() <= FOLDED_BYTES && folded.len() > FOLDED_BYTES - 4);
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert!(parse_single_line(&"ß".repeat(200), 200).is_ok());
        let error = parse_single_line(&"ß".repeat(201), 200).expect_err("one too many");
        assert_eq!(error.code, ValidationErrorCode::TooLong);
    }

    #[test]
    fn blank_text_is_missing_and_control_characters_are_rejected() {
        for blank in ["", "  ", "\u{3000}\n"] {
            assert_eq!(
                parse_single_line(blank, 9).map_err(|error| error.code),
                Err(ValidationErrorCode::Required)
            );
        }
        for bad in ["a\0b", "a\u{7}b", "a\nb", "a\u{85}b"] {
            assert_eq!(
                parse_single_line(bad, 9).map_err(|error| error.code),
                Err(ValidationErrorCode::InvalidFormat)
            );
        }
        assert_eq!(parse_single_line(" Dune ", 9).as_deref(), Ok("Dune"));
    }
}
