//! Books.

use async_graphql::{Context, ID, Object};

use super::user::User;
use crate::auth::identity::Viewer;
use crate::graphql::context::Doors;
use crate::graphql::error::{Failure, Result};
use crate::graphql::scalars::DateTime;
use crate::id::BookId;
use crate::store::StoreError;
use crate::store::books;

#[derive(Clone, Debug)]
pub(crate) struct Book(pub(crate) books::Book);

impl Book {
    /// The viewer's book with this id. Somebody else's and nobody's are none.
    pub(in crate::graphql) async fn find(
        ctx: &Context<'_>,
        viewer: Viewer,
        id: BookId,
    ) -> Result<Option<Self>> {
        let book = ctx.loaders().book(id).await?.filter(|book| viewer.owns(&**book));
        Ok(book.map(|book| Self((*book).clone())))
    }
}

/// A book in somebody's library.
#[Object]
impl Book {
    /// Names this book, in `book`, in `node` and in caches.
    pub(super) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// 1 to 200 characters.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// The author, or the authors, in 1 to 200 characters.
    async fn author(&self) -> &str {
        &self.0.author
    }

    /// Canonical ISBN-13, 13 digits; null when the book has none.
    async fn isbn(&self) -> Option<&str> {
        self.0.isbn.as_deref()
    }

    /// 1 to 5; null when not rated.
    async fn rating(&self) -> Option<i32> {
        self.0.rating.map(i32::from)
    }

    /// What the owner wrote about it, up to 20,000 characters; null when nothing.
    async fn notes(&self) -> Option<&str> {
        self.0.notes.as_deref()
    }

    /// Whose library it is in.
    async fn owner(&self, ctx: &Context<'_>) -> Result<User> {
        let owner = ctx.loaders().user(self.0.owner_id).await?;
        owner.map(User).ok_or_else(|| Failure::from(StoreError::AccountGone))
    }

    /// Starts at 1 and grows by one with every change.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// When it was added to the library.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was last changed; at first the same as `createdAt`.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}
