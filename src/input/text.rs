//! Shared rules for text: length and allowed characters.

mod character;
mod fold;
mod letter;

use super::validation_error::{ValidationError, ValidationErrorCode};

pub(crate) use fold::{fold, fold_case, fold_for_index};

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
