//! The filter and the order of lists of books.

use async_graphql::{Enum, InputObject};

use super::reading_status::ReadingStatus;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::scalars::DateTime;
use crate::input::isbn::Isbn;
use crate::input::search::Search;
use crate::input::tags::Tag;
use crate::input::text;
use crate::store::books;

/// A filter for books. A book must match all conditions; one that is absent or null is ignored.
#[derive(Debug, Default, InputObject)]
pub(crate) struct BookFilter {
    /// Words that must each occur in `title`, `author`, `publisher`, `tags`, `notes` or `isbn`, in any
    /// order, regardless of case, accents and punctuation at their ends. A hyphen matches a space. An ISBN, or
    /// a part of one, is found in any spelling. At most 2,000 characters and 250 words.
    search: Option<String>,
    /// The ISBN of the book, an ISBN-10 or ISBN-13 in any usual spelling.
    isbn: Option<String>,
    /// Only books with this rating or a higher one.
    min_rating: Option<i32>,
    /// Only books with this rating or a lower one.
    max_rating: Option<i32>,
    /// True for only books without a rating, false for only books with one.
    unrated: Option<bool>,
    /// Only books that were added after this time.
    created_after: Option<DateTime>,
    /// Only books that were added before this time.
    created_before: Option<DateTime>,
    /// Only books with one of these statuses. An empty list matches no book.
    status: Option<Vec<ReadingStatus>>,
    /// Only books with this tag, regardless of case. Blank is ignored.
    tag: Option<String>,
}

impl BookFilter {
    pub(in crate::graphql) fn parse(self) -> Result<books::BookFilter> {
        let search = self.search.as_deref().map_or(Ok(None), Search::parse);
        let isbn = self.isbn.as_deref().map_or(Ok(None), Isbn::parse);
        let tag = self.tag.filter(|tag| !text::is_blank(tag)).map(|tag| Tag::parse(&tag));
        let status = self.status.map(|any| any.into_iter().map(Into::into).collect());
        Ok(books::BookFilter {
            search: search.map_err(|error| ApiError::bad_input(error.to_string()))?,
            isbn: isbn.map_err(|error| ApiError::bad_input(format!("isbn: {}", error.message)))?,
            min_rating: self.min_rating,
            max_rating: self.max_rating,
            unrated: self.unrated,
            created_after: self.created_after.map(|instant| instant.0),
            created_before: self.created_before.map(|instant| instant.0),
            status,
            tag: tag
                .transpose()
                .map_err(|error| ApiError::bad_input(format!("tag: {}", error.message)))?,
        })
    }
}

/// The order of a list of books. Books with equal values are ordered by id, so the order is total.
#[derive(Debug, InputObject)]
pub(crate) struct BookOrder {
    /// The field to order by.
    #[graphql(default_with = "BookOrderField::CreatedAt")]
    field: BookOrderField,
    /// The direction of the order.
    #[graphql(default_with = "OrderDirection::Desc")]
    direction: OrderDirection,
}

/// Newest first.
impl Default for BookOrder {
    fn default() -> Self {
        Self { field: BookOrderField::CreatedAt, direction: OrderDirection::Desc }
    }
}

/// Fields by which books can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum BookOrderField {
    /// When the book was added.
    CreatedAt,
    /// When the book was last changed.
    UpdatedAt,
    /// The title, regardless of case and accents.
    Title,
    /// The author, regardless of case and accents.
    Author,
    /// The rating; books without one come last in both directions.
    Rating,
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum OrderDirection {
    /// Ascending: A to Z, oldest first, lowest rating first.
    Asc,
    /// Descending: Z to A, newest first, highest rating first.
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
