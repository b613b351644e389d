//! What subscribers hear of a book.

use async_graphql::{Context, Enum, ID, Object};

use super::book::Book;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Nullable;
use crate::store::events::{self, ChangeKind};

/// What was done to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum BookChangeKind {
    /// It was added.
    Created,
    /// Something about it is different.
    Updated,
    /// It is gone.
    Deleted,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct BookChange(pub(crate) events::BookChange);

/// A change to a book of the viewer's.
#[Object]
impl BookChange {
    /// What was done.
    async fn kind(&self) -> BookChangeKind {
        match self.0.kind {
            ChangeKind::Created => BookChangeKind::Created,
            ChangeKind::Updated(_) => BookChangeKind::Updated,
            ChangeKind::Deleted => BookChangeKind::Deleted,
        }
    }

    /// The id of the book, for caches to forget when it is gone.
    async fn book_id(&self) -> ID {
        self.0.book.into()
    }

    /// The book as it is now; null once it is deleted.
    async fn book(&self, ctx: &Context<'_>) -> Nullable<Book> {
        let viewer = match ctx.viewer() {
            Ok(viewer) => viewer,
            Err(failure) => return Some(Err(failure)),
        };
        match self.0.kind {
            ChangeKind::Deleted => None,
            _ => Book::find(ctx, viewer, self.0.book).await.transpose(),
        }
    }
}
