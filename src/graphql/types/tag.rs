//! The tags of a library.

use async_graphql::SimpleObject;

use super::connection::saturating_i32;
use crate::store::books::TagCount;

/// A tag of the viewer's books.
#[derive(Debug, SimpleObject)]
pub(in crate::graphql) struct Tag {
    /// The name of the tag. If books spell it differently, the spelling of most of them.
    name: String,
    /// Number of books that have the tag.
    book_count: i32,
}

impl From<TagCount> for Tag {
    fn from(TagCount { name, books }: TagCount) -> Self {
        Self { name, book_count: saturating_i32(books) }
    }
}
