//! Which books a list has, and in which order.

use async_graphql::{Enum, InputObject};

use crate::graphql::error::{ApiError, Result};
use crate::graphql::scalars::DateTime;
use crate::input::isbn::Isbn;
use crate::store::books;

/// The most words of a search.
const WORDS: usize = 20;

/// The longest search, in characters.
const SEARCH_CHARS: usize = 200;

/// Which books to list. All given conditions must hold.
#[derive(Debug, Default, InputObject)]
pub(crate) struct BookFilter {
    /// Every word must occur, in any case, in title, author, notes or isbn. Up to 200 characters
    /// and 20 words.
    search: Option<String>,
    /// The book with this ISBN, in any spelling of an ISBN-10 or ISBN-13.
    isbn: Option<String>,
    /// Books rated at least this.
    min_rating: Option<i32>,
    /// Books rated at most this.
    max_rating: Option<i32>,
    /// True for books without a rating, false for those with one.
    unrated: Option<bool>,
    /// Books added later than this.
    created_after: Option<DateTime>,
    /// Books added earlier than this.
    created_before: Option<DateTime>,
}

impl BookFilter {
    pub(in crate::graphql) fn parse(self) -> Result<books::BookFilter> {
        let search = self.search.unwrap_or_default();
        if search.chars().count() > SEARCH_CHARS {
            return Err(ApiError::bad_input(format!(
                "search has at most {SEARCH_CHARS} characters."
            )));
        }
        if search.contains('\0') {
            return Err(ApiError::bad_input("search cannot contain the NUL character."));
        }
        let words: Vec<_> = search.split_whitespace().map(str::to_owned).collect();
        if words.len() > WORDS {
            return Err(ApiError::bad_input(format!("search has at most {WORDS} words.")));
        }
        let isbn = self.isbn.as_deref().map_or(Ok(None), Isbn::parse);
        Ok(books::BookFilter {
            words,
            isbn: isbn.map_err(|fault| ApiError::bad_input(format!("isbn: {}", fault.message)))?,
            min_rating: self.min_rating,
            max_rating: self.max_rating,
            unrated: self.unrated,
            created_after: self.created_after.map(|instant| instant.0),
            created_before: self.created_before.map(|instant| instant.0),
        })
    }
}

/// In which order to list books. Equal ones are ordered by their ids, so that every order is whole.
#[derive(Debug, InputObject)]
pub(crate) struct BookOrder {
    /// What to order by.
    #[graphql(default_with = "BookOrderField::CreatedAt")]
    field: BookOrderField,
    /// Which way.
    #[graphql(default_with = "OrderDirection::Desc")]
    direction: OrderDirection,
}

/// Newest first.
impl Default for BookOrder {
    fn default() -> Self {
        Self { field: BookOrderField::CreatedAt, direction: OrderDirection::Desc }
    }
}

/// What books can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum BookOrderField {
    /// When they were added.
    CreatedAt,
    /// When they were last changed.
    UpdatedAt,
    /// The title, regardless of case.
    Title,
    /// The author, regardless of case.
    Author,
    /// The rating; books without one come last, both ways.
    Rating,
}

/// Which way a list is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum OrderDirection {
    /// From small to large: A to Z, oldest first.
    Asc,
    /// From large to small: Z to A, newest first.
    Desc,
}

impl From<BookOrder> for books::BookOrder {
    fn from(order: BookOrder) -> Self {
        let field = match order.field {
            BookOrderField::CreatedAt => books::BookOrderField::CreatedAt,
            BookOrderField::UpdatedAt => books::BookOrderField::UpdatedAt,
            BookOrderField::Title => books::BookOrderField::Title,
            BookOrderField::Author => books::BookOrderField::Author,
            BookOrderField::Rating => books::BookOrderField::Rating,
        };
        let direction = match order.direction {
            OrderDirection::Asc => books::Direction::Ascending,
            OrderDirection::Desc => books::Direction::Descending,
        };
        Self::new(field, direction)
    }
}
