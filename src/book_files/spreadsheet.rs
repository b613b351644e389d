//! Cells that a spreadsheet would execute as a formula.

use std::borrow::Cow;

/// Neutralizes a text that a spreadsheet would execute, with an apostrophe before it. A text that looks as if that had
/// been done gets one too, so that [`restore`] is exact.
pub(super) fn neutralize(text: &str) -> Cow<'_, str> {
    match is_ambiguous(text) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// The text that was neutralized.
pub(super) fn restore(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_ambiguous(text) => text,
        _ => cell,
    }
}

/// Whether a spreadsheet executes the text, or would without the apostrophes before it.
fn is_ambiguous(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_that_a_spreadsheet_would_execute_get_an_apostrophe() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''-"] {
            assert_eq!(neutralize(text), format!("'{text}"));
        }
        for text in ["", "'", "'Salem's Lot", "1984", "a=b", "''x"] {
            assert_eq!(neutralize(text), text);
            assert_eq!(restore(text), text);
        }
    }

    proptest! {
        #[test]
        fn texts_are_restored_exactly(text in prop_oneof!["['=+@\t\r\n-]{0,6}\\PC{0,5}", ".*"]) {
            let neutralized = neutralize(&text);
            prop_assert!(!neutralized.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
            prop_assert_eq!(restore(&neutralized), text.as_str());
        }
    }
}
