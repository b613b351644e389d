//! Changes to books, as subscribers receive them.

use async_graphql::{Context, Enum, ID, Object};

use super::book::Book;
use super::connection::BookEdge;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Nullable, Result};
use crate::store::books::BookColumns;
use crate::store::events::{self, ChangeKind};

/// The kind of a change to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum BookChangeKind {
    /// The book was added.
    Created,
    /// The book was changed.
    Updated,
    /// The book was deleted.
    Deleted,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct BookChange(pub(crate) events::BookChange);

/// A change to one of the viewer's books.
#[Object]
impl BookChange {
    /// The kind of the change.
    async fn kind(&self) -> BookChangeKind {
        match self.0.kind {
            ChangeKind::Created => BookChangeKind::Created,
            ChangeKind::Updated(_) => BookChangeKind::Updated,
            ChangeKind::Deleted => BookChangeKind::Deleted,
        }
    }

    /// Id of the book. Clients can remove a deleted book from their caches by it.
    async fn book_id(&self) -> ID {
        self.0.book.into()
    }

    /// The current state of the book; null if it was deleted.
    async fn book(&self, ctx: &Context<'_>) -> Nullable<Book> {
        self.find(ctx).await.transpose()
    }

    /// The current state of the book with its cursor in lists with the default order, for caches of
    /// connections; null if the book was deleted.
    async fn book_edge(&self, ctx: &Context<'_>) -> Nullable<BookEdge> {
        let book = self.find(ctx).await.transpose()?;
        Some(book.map(BookEdge::in_default_order))
    }
}

impl BookChange {
    async fn find(&self, ctx: &Context<'_>) -> Result<Option<Book>> {
        let viewer = ctx.viewer()?;
        match self.0.kind {
            ChangeKind::Deleted => Ok(None),
            _ => Book::find(ctx, viewer, self.0.book, BookColumns::all()).await,
        }
    }
}
