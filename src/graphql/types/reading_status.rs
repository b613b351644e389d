//! How far the owner is with a book.

use async_graphql::Enum;
use async_graphql::resolver_utils::EnumType;

use crate::input::reading_status;

/// How far the owner is with a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "reading_status::ReadingStatus")]
pub(crate) enum ReadingStatus {
    /// The owner wants to read the book.
    WantToRead,
    /// The owner is reading the book.
    Reading,
    /// The owner has read the book.
    Read,
    /// The owner has stopped reading the book before its end.
    DidNotFinish,
}

impl ReadingStatus {
    /// The name in the schema.
    pub(super) fn name(self) -> Option<&'static str> {
        Self::items().iter().find(|item| item.value == self).map(|item| item.name)
    }
}
