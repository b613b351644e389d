//! What all texts have in common: their length, their characters and their folded form.

use unicode_normalization::UnicodeNormalization;

use super::validation_error::{ValidationError, ValidationErrorCode};

/// The longest folded text that is kept, in bytes. NFKC can make one character into eighteen; an
/// index row of PostgreSQL ends at 2,704 bytes.
const FOLDED_BYTES: usize = 1_200;

/// The text as comparison sees it: NFKC and lower case, so that `Ｄune` and `dune` are one. The way
/// leads over upper case, where `ς` and `σ`, `ß` and `ss` meet.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    fold_unicode(text)
}

fn fold_unicode(text: &str) -> String {
    text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// [`fold`], short enough for an index on every database.
pub(crate) fn fold_for_index(text: &str) -> String {
    let mut folded = fold(text);
    folded.truncate(folded.floor_char_boundary(FOLDED_BYTES));
    folded
}

/// One trimmed line of 1 to `longest` Unicode scalar values, without control characters.
pub(super) fn parse_single_line(text: &str, longest: usize) -> Result<String, ValidationError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ValidationError::new(ValidationErrorCode::Required, "Please fill this in."));
    }
    if text.chars().any(char::is_control) {
        return Err(control_characters());
    }
    check_max_chars(text, longest)?;
    Ok(text.to_owned())
}

/// Refuses a text of more than `longest` Unicode scalar values.
pub(super) fn check_max_chars(text: &str, longest: usize) -> Result<(), ValidationError> {
    // A text is never longer in characters than in bytes, and counting bytes is free.
    if text.len() > longest && text.chars().count() > longest {
        let message = format!("Please keep this to {longest} characters.");
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
    fn folding_makes_lookalikes_equal() {
        assert_eq!(fold("Ｄune"), "dune");
        assert_eq!(fold("ΌΣΟΣ"), fold("όσος"));
        assert_eq!(fold("STRASSE"), fold("Straße"));
        assert_eq!(fold("E\u{301}mile"), fold("Émile"));
        assert_eq!(fold("ﬁn"), "fin");
    }

    #[test]
    fn ascii_is_folded_as_all_else_is() {
        let ascii: String = (0..128u8).map(char::from).collect();
        assert_eq!(fold(&ascii), fold_unicode(&ascii));
    }

    #[test]
    fn a_folded_text_never_outgrows_an_index() {
        let folded = fold_for_index(&"\u{FDFA}".repeat(200));
        assert!(folded.len() <= FOLDED_BYTES && folded.len() > FOLDED_BYTES - 4);
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert!(parse_single_line(&"ß".repeat(200), 200).is_ok());
        let fault = parse_single_line(&"ß".repeat(201), 200).expect_err("one too many");
        assert_eq!(fault.code, ValidationErrorCode::TooLong);
    }

    #[test]
    fn blank_is_missing_and_control_characters_are_refused() {
        for blank in ["", "  ", "\u{3000}\n"] {
            assert_eq!(
                parse_single_line(blank, 9).map_err(|fault| fault.code),
                Err(ValidationErrorCode::Required)
            );
        }
        for bad in ["a\0b", "a\u{7}b", "a\nb", "a\u{85}b"] {
            assert_eq!(
                parse_single_line(bad, 9).map_err(|fault| fault.code),
                Err(ValidationErrorCode::InvalidFormat)
            );
        }
        assert_eq!(parse_single_line(" Dune ", 9).as_deref(), Ok("Dune"));
    }
}
