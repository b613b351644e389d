//! Folding: the form of a text that is compared instead of the text.

use std::iter::once;

use memchr::memmem;
use unicode_normalization::UnicodeNormalization;

use super::character::{decimal_digit, is_accent, is_ignorable, is_space_or_hyphen};
use super::letter::to_base_letters;

/// Maximum length of a folded text, in bytes: 20,000 characters of 4 bytes. It limits what compatibility
/// characters expand to, up to 18 characters each.
const MAX_BYTES: usize = 80_000;

/// Maximum length of a folded text in an index, in bytes: 500 characters of 4 bytes. With the ids beside it, it
/// fits into an index row of PostgreSQL, which has at most 2,704 bytes.
pub(super) const MAX_INDEX_BYTES: usize = 2_000;

/// The text for search and order: without case, accents and invisible characters, with one kind of apostrophe,
/// quotation mark and digit, and with one space for white space and hyphens. Folding a folded text changes nothing.
///
/// Compatibility characters are decomposed (NFKD), so `Ｄune` equals `dune`. Which marks are accents is decided in
/// `character.rs`; letters that do not decompose are in `letter.rs`.
pub(crate) fn fold(text: &str) -> String {
    fold_up_to(text, MAX_BYTES)
}

/// Like [`fold`], cut to a length that fits into an index of every database.
pub(crate) fn fold_for_index(text: &str) -> String {
    fold_up_to(text, MAX_INDEX_BYTES)
}

/// The text for comparison regardless of case: NFKC and lower case. Accents stay, so that `Zoe` and `Zoë` differ.
/// Cut to a length that fits into an index.
pub(crate) fn fold_case(text: &str) -> String {
    let folded = lower_case(text.nfkd()).flat_map(|c| {
        let is_sharp_s = c == 'ß';
        once(if is_sharp_s { 's' } else { c }).chain(is_sharp_s.then_some('s'))
    });
    cut(folded.nfkc(), MAX_INDEX_BYTES)
}

fn fold_up_to(text: &str, max_bytes: usize) -> String {
    if text.is_ascii() {
        return fold_ascii(text, max_bytes);
    }
    // Before the decomposition, which makes spaces of some punctuation marks.
    let decomposed = text.chars().map(unify_punctuation).nfkd();
    let simple = decomposed.filter_map(simplify);
    // Composed, so that か does not occur in が, nor one Korean syllable in another.
    join_words(lower_case(simple).flat_map(to_base_letters).nfc(), max_bytes)
}

/// Does the same as the rest of [`fold_up_to`], byte by byte. Notes of 600 characters take a tenth of the
/// instructions, which are 9 % of those of an update.
fn fold_ascii(text: &str, max_bytes: usize) -> String {
    // Without a branch, so that the compiler uses vector instructions.
    let mut folded: Vec<u8> =
        text.bytes().map(|byte| simplify_ascii(byte).to_ascii_lowercase()).collect();
    if memmem::find(&folded, b"  ").is_some() {
        folded.dedup_by(|next, previous| *next == b' ' && *previous == b' ');
    }
    if folded.first() == Some(&b' ') {
        folded.remove(0);
    }
    folded.truncate(max_bytes);
    if folded.last() == Some(&b' ') {
        folded.pop();
    }
    String::from_utf8(folded).unwrap_or_default()
}

/// Converted to upper case first, which makes `ς` equal to `σ`.
fn lower_case(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// The character that stands for a decomposed character; `None` if it is ignored.
fn simplify(c: char) -> Option<char> {
    if c.is_ascii() {
        return u8::try_from(c).ok().map(|byte| simplify_ascii(byte).into());
    }
    let c = unify_punctuation(c);
    if is_space_or_hyphen(c) {
        return Some(' ');
    }
    if c.is_ascii() {
        return Some(c);
    }
    // U+0640 only stretches an Arabic word.
    if is_accent(c) || is_ignorable(c) || c == '\u{640}' {
        return None;
    }
    let digit = decimal_digit(c).and_then(|value| char::from_digit(value, 10));
    Some(digit.unwrap_or(c))
}

fn simplify_ascii(byte: u8) -> u8 {
    match byte {
        b'`' => b'\'',
        b'-' | b'\t'..=b'\r' => b' ',
        _ => byte,
    }
}

/// Replaces apostrophes, quotation marks, blanks and slashes by those on every keyboard, and `¿` by `?`.
fn unify_punctuation(c: char) -> char {
    match c {
        _ if is_apostrophe(c) => '\'',
        _ if is_quotation_mark(c) => '"',
        '\u{2044}' | '\u{2215}' => '/',
        '¿' => '?',
        '¡' => '!',
        // A Hangul filler and the Braille pattern without dots, which are used as spaces.
        '\u{3164}' | '\u{2800}' => ' ',
        _ => c,
    }
}

/// Apostrophes, single quotation marks, primes, and what is typed or transliterated as an apostrophe: accents
/// beside a letter, and letters such as the Hawaiian ʻokina.
fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '`' | '´'
            | '‘'..='‛'
            | '‹'
            | '›'
            | '′'
            | '‵'
            | '❛'
            | '❜'
            | '❮'
            | '❯'
            | 'ꞌ'
            | 'Ꞌ'
            | '\u{2B9}'
            | '\u{2BB}'..='\u{2BF}'
            | '\u{2C8}'
            | '\u{2CA}'
            | '\u{2CB}'
            | '\u{374}'
            | '\u{384}'
            | '\u{55A}'
            | '\u{5F3}'
            | '\u{1FBD}'
            | '\u{1FBF}'
            | '\u{1FCD}'..='\u{1FCF}'
            | '\u{1FDD}'..='\u{1FDF}'
            | '\u{1FEF}'
            | '\u{1FFD}'
            | '\u{1FFE}'
    )
}

fn is_quotation_mark(c: char) -> bool {
    matches!(
        c,
        '“'..='‟' | '«' | '»' | '″' | '‶' | '〝'..='〟' | '❝' | '❞'
            | '\u{2BA}' | '\u{2DD}' | '\u{2EE}' | '\u{5F4}'
    )
}

/// The text without spaces at both ends and without repeated spaces, at most `max_bytes` long.
fn join_words(text: impl Iterator<Item = char>, max_bytes: usize) -> String {
    let mut after_space = true;
    let single_spaced = text.filter(|c| {
        let keep = *c != ' ' || !after_space;
        after_space = *c == ' ';
        keep
    });
    let mut joined = cut(single_spaced, max_bytes);
    joined.truncate(joined.trim_end_matches(' ').len());
    joined
}

/// The start of a text, at most `max_bytes` long. The rest is not read.
fn cut(text: impl Iterator<Item = char>, max_bytes: usize) -> String {
    let mut start = String::new();
    for c in text {
        if start.len() + c.len_utf8() > max_bytes {
            break;
        }
        start.push(c);
    }
    start
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All characters but private ones and ideographs without a decomposition.
    fn characters() -> impl Iterator<Item = char> {
        [
            '\0'..='\u{33FF}',
            '\u{A000}'..='\u{ABFF}',
            '\u{F900}'..='\u{1FFFF}',
            '\u{E0000}'..='\u{E01FF}',
        ]
        .into_iter()
        .flatten()
    }

    #[test]
    fn folding_ignores_case_accents_and_compatibility_forms() {
        for (text, folded) in [
            ("Ｄune", "dune"),
            ("ΌΣΟΣ", "οσοσ"),
            ("όσος", "οσοσ"),
            ("Ἀχιλλεύς", "αχιλλευσ"),
            ("Straße", "strasse"),
            ("STRAẞE", "strasse"),
            ("E\u{301}mile", "emile"),
            ("Émile", "emile"),
            ("ﬁn", "fin"),
            ("Gabriel García Márquez", "gabriel garcia marquez"),
            ("İstanbul ıstanbul ISTANBUL", "istanbul istanbul istanbul"),
            (
                "Łódź, Đorđe, Øre, Æsop, Œuvre, Þórr, Ħal",
                "lodz, dorde, ore, aesop, oeuvre, thorr, hal",
            ),
            ("Nguyễn Du, Truyện Kiều, Đường", "nguyen du, truyen kieu, duong"),
            ("Ёлка, Йод, Їжак", "елка, иод, іжак"),
            ("Ali və Nino", "ali ve nino"),
            ("٩٧٨ ۱۹۸۴ १९८४", "978 1984 1984"),
            ("1️⃣", "1"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn punctuation_and_spaces_have_one_form() {
        for (text, folded) in [
            (
                "Ender’s Enderʼs Ender´s Ender`s Ender‘s Ender＇s",
                "ender's ender's ender's ender's ender's ender's",
            ),
            ("“Dune” „Dune“ «Dune» ″Dune″", "\"dune\" \"dune\" \"dune\" \"dune\""),
            ("צה״ל ג׳ורג׳", "צה\"ל ג'ורג'"),
            (
                "Catch-22 Catch‑22 Catch–22 Catch − 22 Catch－22",
                "catch 22 catch 22 catch 22 catch 22 catch 22",
            ),
            (" a\u{A0}\u{3000}b\n\tc\u{2028}d\u{2800}e ", "a b c d e"),
            ("co\u{AD}operate\u{200B}\u{FEFF}", "cooperate"),
            ("¿Qué?", "?que?"),
            ("½", "1/2"),
            ("—", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    /// Marks that are a part of the word stay, and those that are usually left out do not.
    #[test]
    fn marks_are_removed_only_where_words_stay_the_same() {
        for (text, folded) in [
            ("हिन्दी कुल", "हिन्दी कुल"),
            ("ภาษาไทย ที่นี่", "ภาษาไทย ที่นี่"),
            ("がんばって", "がんばって"),
            ("ｶﾞﾝﾊﾞﾙ", "ガンバル"),
            ("한국어", "한국어"),
            ("百年の孤独", "百年の孤独"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
            ("أإآ", "ااا"),
            ("كتـــاب کتاب", "كتاب كتاب"),
            ("می\u{200C}خواهم", "ميخواهم"),
            ("ދިވެހި", "ދިވެހި"),
            ("བོད་ཡིག", "བོད་ཡིག"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
        assert!(!fold("が").contains(&fold("か")));
        assert!(!fold("한").contains(&fold("하")));
        assert_ne!(fold("कुल"), fold("कल"));
    }

    #[test]
    fn every_character_folds_like_its_upper_and_lower_case() {
        for c in characters() {
            let [text, upper, lower] =
                [c.to_string(), c.to_uppercase().to_string(), c.to_lowercase().to_string()];
            assert_eq!(fold(&upper), fold(&text), "{c:?}");
            assert_eq!(fold(&lower), fold(&text), "{c:?}");
            assert_eq!(fold(&fold(&text)), fold(&text), "{c:?}");
            assert_eq!(fold_case(&upper), fold_case(&text), "{c:?}");
            assert_eq!(fold_case(&lower), fold_case(&text), "{c:?}");
            assert_eq!(fold_case(&fold_case(&text)), fold_case(&text), "{c:?}");
        }
    }

    #[test]
    fn folded_text_is_limited_to_its_maximum_size() {
        let folded = fold_for_index(&"\u{FDFA}".repeat(500));
        assert!(folded.len() <= MAX_INDEX_BYTES && folded.len() > MAX_INDEX_BYTES - 4);
        assert!(fold(&"\u{FDFA}".repeat(20_000)).len() <= MAX_BYTES);
        let longest = "\u{1F4DA}".repeat(500);
        assert_eq!(fold_for_index(&longest), longest);
        let korean = "한".repeat(500);
        assert_eq!(fold_for_index(&korean), korean);
    }

    #[test]
    fn names_are_compared_without_case_but_with_accents() {
        assert_eq!(fold_case("Straße"), fold_case("STRASSE"));
        assert_eq!(fold_case("Straße"), fold_case("STRAẞE"));
        assert_eq!(fold_case("ΌΣΟΣ"), fold_case("όσος"));
        assert_eq!(fold_case("E\u{301}mile"), fold_case("Émile"));
        assert_ne!(fold_case("Émile"), fold_case("Emile"));
        assert_ne!(fold_case("a-b"), fold_case("a b"));
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in "\\PC*") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
            // An iota subscript is a letter in upper case: what follows it is then after that letter.
            if !text.nfkd().any(|c| c == '\u{345}') {
                prop_assert_eq!(fold(&text.to_uppercase()), fold(&text));
            }
            prop_assert_eq!(fold_case(&fold_case(&text)), fold_case(&text));
        }

        /// A character that is ignored makes the text take the other way.
        #[test]
        fn ascii_folds_as_within_other_text(text in "[\0-\x7F]*", max_bytes in 0_usize..40) {
            let other = format!("{text}\u{200B}");
            prop_assert_eq!(fold(&text), fold(&other));
            prop_assert_eq!(fold_up_to(&text, max_bytes), fold_up_to(&other, max_bytes));
        }

        /// As the files in `benches/peers` do it without this program.
        #[test]
        fn ascii_is_folded_by_a_short_rule(text in "[ -~\t\n]*") {
            let simple = text.to_lowercase().replace('`', "'").replace('-', " ");
            let words: Vec<_> = simple.split_whitespace().collect();
            prop_assert_eq!(fold(&text), words.join(" "));
        }

        #[test]
        fn composed_and_decomposed_texts_fold_alike(text in "\\PC*") {
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(fold(&decomposed), fold(&text));
            prop_assert_eq!(fold_case(&decomposed), fold_case(&text));
        }
    }
}
