//! Cuts texts that are too long.

use unicode_normalization::char::is_combining_mark;

/// Joins emoji, as in a family.
const ZERO_WIDTH_JOINER: char = '\u{200D}';

/// The first characters of a text, at most `max`. A letter is not cut off from its accents, nor an emoji from its parts.
pub(super) fn first_chars(text: &str, max: usize) -> &str {
    let Some((limit, _)) = text.char_indices().nth(max) else { return text };
    let mut end = limit;
    while let Some(next) = text[end..].chars().next()
        && (is_part_of_previous(next) || text[..end].ends_with(ZERO_WIDTH_JOINER))
    {
        match text[..end].char_indices().next_back() {
            Some((before, _)) if before > 0 => end = before,
            // Nothing but parts: there is no better place.
            _ => return &text[..limit],
        }
    }
    &text[..end]
}

fn is_part_of_previous(c: char) -> bool {
    let is_skin_tone = matches!(c, '\u{1F3FB}'..='\u{1F3FF}');
    let is_variation_selector = matches!(c, '\u{FE00}'..='\u{FE0F}');
    is_combining_mark(c) || is_skin_tone || is_variation_selector || c == ZERO_WIDTH_JOINER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_a_character() {
        for (text, max, cut) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "abc"),
            ("äöü", 2, "äö"),
            ("abe\u{301}", 3, "ab"),
            ("ab👩\u{200D}🚀", 3, "ab"),
            ("ab👩\u{200D}🚀", 4, "ab"),
            ("a👍🏽", 2, "a"),
            ("a\u{301}\u{301}\u{301}", 2, "a\u{301}"),
        ] {
            assert_eq!(first_chars(text, max), cut, "{text:?}");
        }
    }
}
