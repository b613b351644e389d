//! Searches: the words that a book must contain. Every title is found by itself.

use std::collections::HashSet;

use super::isbn;
use super::text::{fold, fold_for_index, is_punctuation};

/// Maximum length of a search, in characters: more than a title of 500 characters in upper case, where each may become
/// three.
const MAX_CHARS: usize = 2_000;

/// Maximum number of words in a search: those of a title of 500 characters.
const MAX_WORDS: usize = 250;

/// The words of a search. A book matches if each word occurs in it, or if its ISBN contains one of `isbns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    pub(crate) words: Vec<Word>,
    /// Digits, if the whole search is an ISBN or a part of one.
    pub(crate) isbns: Vec<String>,
}

/// A word occurs in a book if a folded text of the book contains `folded`, or if its ISBN contains one of `isbns`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Word {
    /// Not empty. A word with a hyphen has a space here.
    pub(crate) folded: String,
    /// Digits, if the word is an ISBN or a part of one.
    pub(crate) isbns: Vec<String>,
}

/// A search is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SearchError {
    #[error("search can have at most {MAX_CHARS} characters.")]
    TooLong,
    #[error("search can have at most {MAX_WORDS} words.")]
    TooManyWords,
    #[error("search cannot contain the NUL character.")]
    Nul,
}

impl Search {
    /// `None` if there are no words: all books match. Punctuation at the ends of words is ignored, unless there
    /// is nothing else in the search.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, SearchError> {
        if text.chars().count() > MAX_CHARS {
            return Err(SearchError::TooLong);
        }
        if text.contains('\0') {
            return Err(SearchError::Nul);
        }
        let typed: Vec<&str> =
            text.split(separates_words).filter(|word| !word.is_empty()).collect();
        if typed.len() > MAX_WORDS {
            return Err(SearchError::TooManyWords);
        }
        let mut words = words(&typed, |word| without_punctuation(word).to_owned());
        if words.is_empty() {
            words = self::words(&typed, str::to_owned);
        }
        keep_what_an_index_keeps(text, &mut words);
        let mut seen = HashSet::new();
        words.retain(|word| seen.insert(word.clone()));
        let isbns = if typed.len() > 1 { isbn::search_digits(text) } else { Vec::new() };
        Ok((!words.is_empty()).then_some(Self { words, isbns }))
    }
}

/// A title that is longer than an index allows is stored cut. So words that are not in the search after the same cut are
/// ignored, and if none remains, the whole cut search is one word.
fn keep_what_an_index_keeps(text: &str, words: &mut Vec<Word>) {
    let kept = fold_for_index(text);
    if kept.len() == fold(text).len() {
        return;
    }
    words.retain(|word| kept.contains(&word.folded));
    if words.is_empty() {
        words.push(Word { folded: kept, isbns: Vec::new() });
    }
}

fn words(typed: &[&str], select: impl Fn(&str) -> String) -> Vec<Word> {
    let words = typed
        .iter()
        .map(|word| Word { folded: select(&fold(word)), isbns: isbn::search_digits(word) });
    words.filter(|word| !word.folded.is_empty()).collect()
}

/// White space separates words, and so do dashes between clauses. Hyphens do not: `catch-22` is one word.
fn separates_words(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{2014}' | '\u{2015}')
}

/// The word without punctuation at both ends. The last character of `C#` and `100%` stays.
fn without_punctuation(word: &str) -> &str {
    let word = word.trim_start_matches(is_punctuation);
    let end = word.trim_end_matches(is_punctuation).len();
    let kept = word[end..].starts_with(['#', '%']);
    &word[..end + usize::from(kept)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        let search = Search::parse(text).expect("a search");
        search.into_iter().flat_map(|search| search.words).map(|word| word.folded).collect()
    }

    /// Whether a search finds a title, as the condition in SQL does.
    fn finds(search: &str, title: &str) -> bool {
        let title = fold_for_index(title);
        words(search).iter().all(|word| title.contains(word.as_str()))
    }

    #[test]
    fn words_are_folded_and_punctuation_at_their_ends_is_ignored() {
        for (search, expected) in [
            ("Herbert, Frank", vec!["herbert", "frank"]),
            ("\"Dune\" (1965)!", vec!["dune", "1965"]),
            ("Catch‑22", vec!["catch 22"]),
            ("Ender’s Game", vec!["ender's", "game"]),
            ("War and Peace—Tolstoy", vec!["war", "and", "peace", "tolstoy"]),
            ("Dune - Frank Herbert", vec!["dune", "frank", "herbert"]),
            ("Tom & Jerry", vec!["tom", "jerry"]),
            ("C#, C++ and 100%.", vec!["c#", "c++", "and", "100%"]),
            ("#1", vec!["1"]),
            ("「百年の孤独」", vec!["百年の孤独"]),
            ("?", vec!["?"]),
            ("% _", vec!["%", "_"]),
            ("- —", vec![]),
            (" \u{200B}\u{3164}", vec![]),
        ] {
            assert_eq!(words(search), expected, "{search}");
        }
    }

    #[test]
    fn a_search_without_words_is_none() {
        for blank in ["", " ", "\u{3000}\t", "-", "\u{FEFF}"] {
            assert_eq!(Search::parse(blank), Ok(None), "{blank:?}");
        }
    }

    #[test]
    fn the_size_of_a_search_is_limited() {
        assert_eq!(Search::parse(&"é".repeat(2_001)), Err(SearchError::TooLong));
        assert!(Search::parse(&"é".repeat(2_000)).is_ok());
        assert_eq!(Search::parse(&"x ".repeat(251)), Err(SearchError::TooManyWords));
        assert!(Search::parse(&"x ".repeat(250)).is_ok());
        assert_eq!(Search::parse("a\0"), Err(SearchError::Nul));
    }

    #[test]
    fn a_repeated_word_is_searched_once() {
        assert_eq!(words("Le Petit le PETIT, prince"), ["le", "petit", "prince"]);
    }

    /// A title of 500 characters that is stored cut, since it has more bytes than an index allows.
    #[test]
    fn the_longest_titles_are_found_by_themselves() {
        for part in
            ["\u{FDFA}", "\u{FDFA} ", "ΐ", "ΐ-", "\u{1D15E}", "が", "か\u{3099}", "x ", "½", "📚!"]
        {
            let title: String = part.chars().cycle().take(500).collect();
            assert!(finds(&title, &title), "{part}");
            assert!(finds(&title.to_uppercase(), &title), "{part}");
        }
    }

    /// Parts of titles with their usual ASCII forms.
    const PARTS: [(&str, &str); 48] = [
        ("Dune", "Dune"),
        ("é", "e"),
        ("e\u{301}", "e"),
        ("Å", "A"),
        ("ñ", "n"),
        ("ç", "c"),
        ("ğ", "g"),
        ("ű", "u"),
        ("ễ", "e"),
        ("ơ", "o"),
        ("ș", "s"),
        ("ß", "ss"),
        ("ẞ", "SS"),
        ("Æ", "AE"),
        ("œ", "oe"),
        ("Ø", "O"),
        ("ł", "l"),
        ("Đ", "D"),
        ("ð", "d"),
        ("Þ", "Th"),
        ("ħ", "h"),
        ("ŧ", "t"),
        ("ŋ", "n"),
        ("İ", "I"),
        ("ı", "i"),
        ("ĳ", "ij"),
        ("ŉ", "'n"),
        ("ə", "e"),
        ("ﬃ", "ffi"),
        ("Ｄ", "D"),
        ("ℵ", "ℵ"),
        ("²", "2"),
        ("½", "1/2"),
        ("Ⅷ", "VIII"),
        ("№", "No"),
        ("…", "..."),
        ("’", "'"),
        ("ʻ", "'"),
        ("“", "\""),
        ("»", "\""),
        ("‑", "-"),
        ("–", "-"),
        ("—", "-"),
        ("\u{A0}", " "),
        ("\u{AD}", ""),
        ("?", "?"),
        ("#", "#"),
        (" ", " "),
    ];

    proptest! {
        #[test]
        fn every_title_is_found_by_itself_and_in_every_case(
            title in "\\PC{0,500}|[\\p{L}\\p{M}\\p{N} ]{0,500}|([a-zà-ÿ]{1,3}[ —]){0,166}"
        ) {
            prop_assert!(finds(&title, &title));
            // An iota subscript is a letter in upper case: what follows it is then after that letter.
            prop_assume!(!title.nfkd().any(|c| c == '\u{345}'));
            for case in [title.to_uppercase(), title.to_lowercase()] {
                prop_assert!(finds(&case, &title), "{case}");
                prop_assert!(finds(&title, &case), "{case}");
            }
        }

        #[test]
        fn every_title_is_found_by_its_ascii_form(
            parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 1..250)
        ) {
            let title: String = parts.iter().map(|(part, _)| *part).collect();
            let ascii: String = parts.iter().map(|(_, ascii)| *ascii).collect();
            prop_assert!(finds(&ascii, &title), "{ascii}");
            prop_assert!(finds(&title, &ascii), "{ascii}");
            prop_assert!(finds(&ascii.to_uppercase(), &title), "{ascii}");
        }
    }
}
