//! Properties of characters (Unicode Character Database).

use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Whether the character is never drawn: format characters (category Cf), and letters and symbols that are
/// blanks.
pub(in crate::input) fn is_invisible(c: char) -> bool {
    match c {
        // These format characters are drawn, around the number that follows (Unicode, section 23.2).
        '\u{600}'..='\u{605}'
        | '\u{6DD}'
        | '\u{70F}'
        | '\u{890}'
        | '\u{891}'
        | '\u{8E2}'
        | '\u{110BD}'
        | '\u{110CD}' => false,
        // The fillers of Hangul, and the Braille pattern without dots.
        '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{2800}' => true,
        _ => !c.is_ascii() && c.general_category() == GeneralCategory::Format,
    }
}

/// Whether the character is invisible within a text, or only selects how its neighbour is drawn.
pub(super) fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{34F}' | '\u{180B}'..='\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}'
    ) || is_invisible(c)
}

/// Whether the character is an accent, a point or a stroke on a letter. Decided by the combining class: marks
/// of other classes are a part of the word, such as the vowel signs, viramas and nuktas of Indic scripts (0, 7,
/// 9), the voicing marks of kana (8), and the vowels and tones of Thai, Lao and Tibetan (84 to 132). Vowel points
/// of Hebrew, Arabic and Syriac (10 to 36) are usually left out in these scripts.
pub(super) fn is_accent(c: char) -> bool {
    matches!(canonical_combining_class(c), 1 | 10..=36 | 200..=234)
        || c.general_category() == GeneralCategory::EnclosingMark
}

pub(in crate::input) fn is_punctuation(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Punctuation
}

/// Whether the character is white space, or a hyphen or dash.
pub(super) fn is_space_or_hyphen(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '\u{2D7}' | '\u{2043}' | '\u{2212}')
        || !c.is_ascii() && c.general_category() == GeneralCategory::DashPunctuation
}

/// The value of a decimal digit of any script.
pub(super) fn decimal_digit(c: char) -> Option<u32> {
    let is_decimal = |c: char| c.general_category() == GeneralCategory::DecimalNumber;
    if c.is_ascii() || !is_decimal(c) {
        return c.to_digit(10);
    }
    // The digits 0 to 9 of a script are consecutive (Unicode, section 4.6), but scripts can be adjacent.
    let before = (0..u32::from(c)).rev().map_while(char::from_u32).take_while(|c| is_decimal(*c));
    u32::try_from(before.count() % 10).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_have_their_values() {
        for digits in
            ["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "０１２３４５６７８９"]
        {
            let values: Vec<_> = digits.chars().map(decimal_digit).collect();
            assert_eq!(values, (0..10).map(Some).collect::<Vec<_>>(), "{digits}");
        }
        // Two sets of Myanmar digits are adjacent.
        assert_eq!(decimal_digit('\u{116DA}'), Some(0));
        for other in ['a', 'x', '²', '½', '一', 'Ⅷ'] {
            assert_eq!(decimal_digit(other), None, "{other}");
        }
    }
}
