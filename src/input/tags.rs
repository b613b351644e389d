//! Tags, which the owner gives to books.

use std::collections::HashSet;

use sea_orm::DeriveValueType;
use serde::{Serialize, Serializer};

use super::text;
use super::validation_error::{ValidationError, ValidationErrorCode};

/// Maximum number of tags of a book.
pub(crate) const MAX_TAGS: usize = 50;

/// Stands between two tags. A tag is one line and cannot contain it.
const SEPARATOR: &str = "\n";

/// 1 to 50 characters after trimming, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag(String);

impl Tag {
    pub(crate) const MAX_CHARS: usize = 50;

    pub(crate) fn parse(text: &str) -> Result<Self, ValidationError> {
        text::parse_line(text, Self::MAX_CHARS).map(Self)
    }

    /// Equal for tags that differ in case only.
    pub(crate) fn key(&self) -> String {
        text::fold_case(&self.0)
    }

    /// What [`Tags::keys`] contains if the tag is among them.
    pub(crate) fn key_among_others(&self) -> String {
        [SEPARATOR, &self.key(), SEPARATOR].concat()
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The tags of a book, in the order of the owner: 1 to 50, of which no two are equal regardless of case. A book without
/// tags has none of this type.
///
/// One text, so that a book is read and written with its tags in one row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveValueType)]
pub(crate) struct Tags(String);

/// The list is invalid, or one of its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TagsError {
    /// The position of the element; `None` if the list is invalid.
    pub(crate) index: Option<usize>,
    pub(crate) error: ValidationError,
}

impl Tags {
    /// The first of equal tags is kept. An empty list is `None`, not an error. Returns all errors of a list that is not
    /// too long.
    pub(crate) fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Option<Self>, Vec<TagsError>> {
        let (mut tags, mut keys, mut errors) = (Vec::new(), HashSet::new(), Vec::new());
        for (index, text) in texts.iter().enumerate() {
            match Tag::parse(text.as_ref()) {
                Ok(tag) if keys.insert(tag.key()) => tags.push(tag.0),
                Ok(_) => {}
                Err(error) => errors.push(TagsError { index: Some(index), error }),
            }
            if tags.len() + errors.len() > MAX_TAGS {
                let message = format!("Please use at most {MAX_TAGS} tags.");
                let error = ValidationError::new(ValidationErrorCode::TooLong, message);
                return Err(vec![TagsError { index: None, error }]);
            }
        }
        match errors.is_empty() {
            true => Ok((!tags.is_empty()).then(|| Self(tags.join(SEPARATOR)))),
            false => Err(errors),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(SEPARATOR)
    }

    /// The folded tags, for search.
    pub(crate) fn folded(&self) -> String {
        self.iter().map(text::fold).collect::<Vec<_>>().join(SEPARATOR)
    }

    /// The keys of the tags, each between two separators.
    pub(crate) fn keys(&self) -> String {
        let keys = self.iter().flat_map(|tag| [SEPARATOR.to_owned(), text::fold_case(tag)]);
        keys.chain([SEPARATOR.to_owned()]).collect()
    }
}

/// A list of strings.
impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(texts: &[&str]) -> Vec<String> {
        let tags = Tags::parse(texts).expect("tags");
        tags.iter().flat_map(Tags::iter).map(str::to_owned).collect()
    }

    fn errors(texts: &[String]) -> Vec<(Option<usize>, ValidationErrorCode)> {
        let errors = Tags::parse(texts).expect_err("errors");
        errors.into_iter().map(|error| (error.index, error.error.code)).collect()
    }

    fn numbered(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("tag {number}")).collect()
    }

    #[test]
    fn tags_are_trimmed_and_keep_their_order() {
        assert_eq!(
            parsed(&[" to buy ", "Fantasy", "a\tb", "\u{200B}x"]),
            ["to buy", "Fantasy", "a b", "x"]
        );
        assert_eq!(Tags::parse::<&str>(&[]), Ok(None));
    }

    #[test]
    fn the_first_of_tags_that_differ_in_case_is_kept() {
        assert_eq!(parsed(&["SciFi", "b", "scifi", "SCIFI "]), ["SciFi", "b"]);
        assert_eq!(
            parsed(&["STRASSE", "Straße", "été", "ÉTÉ", "e\u{301}te\u{301}"]),
            ["STRASSE", "été"]
        );
        assert_eq!(
            parsed(&["Zoe", "Zoë", "-", "–", "C", "C++"]),
            ["Zoe", "Zoë", "-", "–", "C", "C++"]
        );
    }

    #[test]
    fn a_book_has_at_most_50_tags_of_50_characters() {
        assert_eq!(
            Tags::parse(&numbered(50)).map(|tags| tags.map(|tags| tags.iter().count())),
            Ok(Some(50))
        );
        assert_eq!(errors(&numbered(51)), [(None, ValidationErrorCode::TooLong)]);
        let repeated: Vec<_> = numbered(50).into_iter().chain(numbered(50)).collect();
        assert!(Tags::parse(&repeated).is_ok());
        assert!(Tags::parse(&["ß".repeat(50)]).is_ok());
        let long = ["a".to_owned(), "ß".repeat(51)];
        assert_eq!(errors(&long), [(Some(1), ValidationErrorCode::TooLong)]);
    }

    #[test]
    fn all_invalid_tags_are_reported_unless_there_are_too_many() {
        let texts = ["a", " ", "b", "\u{7}"].map(str::to_owned);
        assert_eq!(
            errors(&texts),
            [
                (Some(1), ValidationErrorCode::Required),
                (Some(3), ValidationErrorCode::InvalidFormat)
            ]
        );
        let blank = vec![String::new(); 50];
        assert_eq!(errors(&blank).len(), 50);
        assert_eq!(errors(&vec![String::new(); 51]), [(None, ValidationErrorCode::TooLong)]);
    }

    #[test]
    fn the_keys_contain_each_tag_as_a_whole() {
        let keys = Tags::parse(&["Sci-Fi", "to Buy"]).expect("tags").expect("some").keys();
        for (tag, is_contained) in [
            ("sci-fi", true),
            (" TO BUY", true),
            ("buy", false),
            ("sci", false),
            ("sci-fi to buy", false),
        ] {
            let key = Tag::parse(tag).expect("a tag").key_among_others();
            assert_eq!(keys.contains(&key), is_contained, "{tag}");
        }
    }
}
