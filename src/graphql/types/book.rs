//! Books.

use async_graphql::parser::types::Field;
use async_graphql::{Context, ContextSelectionSet, ID, Object, OutputType, Positioned, Value};

use super::user::User;
use crate::auth::identity::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::direct_json::{DirectJson, write_json, write_text};
use crate::graphql::error::Result;
use crate::graphql::scalars::DateTime;
use crate::id::{BookId, UserId};
use crate::store::books;

#[derive(Clone, Debug)]
pub(crate) struct Book(pub(crate) books::Book);

impl Book {
    /// The viewer's book with this id; `None` if it does not exist or belongs to another user.
    pub(in crate::graphql) async fn find(
        ctx: &Context<'_>,
        viewer: Viewer,
        id: BookId,
    ) -> Result<Option<Self>> {
        let book = ctx.loaders().book(id).await?.filter(|book| viewer.owns(&**book));
        Ok(book.map(|book| Self((*book).clone())))
    }
}

/// A book in a user's library.
#[Object]
impl Book {
    /// Id of the book, for `book`, `node` and client caches.
    pub(super) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The title, 1 to 200 characters.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// The author or authors, 1 to 200 characters.
    async fn author(&self) -> &str {
        &self.0.author
    }

    /// The ISBN in its canonical form, an ISBN-13 of 13 digits; null if the book has none.
    async fn isbn(&self) -> Option<&str> {
        self.0.isbn.as_deref()
    }

    /// The rating, 1 to 5; null if the book is not rated.
    async fn rating(&self) -> Option<i32> {
        self.0.rating.map(i32::from)
    }

    /// The owner's notes, up to 20,000 characters; null if there are none.
    async fn notes(&self) -> Option<&str> {
        self.0.notes.as_deref()
    }

    /// The account that owns the book.
    async fn owner(&self) -> User {
        User(self.0.owner_id)
    }

    /// The version of the book. It starts at 1 and increases by 1 with every change.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// When the book was added to the library.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When the book was last changed; equal to `createdAt` until the first change.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

/// The fields that are available without [`books::BookProjection::details`].
pub(in crate::graphql) const BASE_FIELDS: [&str; 7] =
    ["__typename", "id", "title", "author", "notes", "owner", "createdAt"];

/// A field of a book that can be written without a resolver.
pub(crate) enum BookField {
    Id,
    Title,
    Author,
    Isbn,
    Rating,
    Notes,
    /// The resolved owner. All books of a list have the same owner, so it is resolved once.
    Owner(Value),
    Version,
    CreatedAt,
    UpdatedAt,
}

impl DirectJson for Book {
    /// The owner.
    type Shared = UserId;
    type Field = BookField;

    fn common(&self) -> UserId {
        self.0.owner_id
    }

    async fn field(
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
        owner: &UserId,
    ) -> Option<BookField> {
        Some(match field.node.name.node.as_str() {
            "id" => BookField::Id,
            "title" => BookField::Title,
            "author" => BookField::Author,
            "isbn" => BookField::Isbn,
            "rating" => BookField::Rating,
            "notes" => BookField::Notes,
            "version" => BookField::Version,
            "createdAt" => BookField::CreatedAt,
            "updatedAt" => BookField::UpdatedAt,
            "owner" => {
                let ctx = ctx.with_field(field);
                let ctx = ctx.with_selection_set(&field.node.selection_set);
                // An error is dropped here, and reported when each book resolves its owner.
                BookField::Owner(User(*owner).resolve(&ctx, field).await.ok()?)
            }
            _ => return None,
        })
    }

    fn write(&self, field: &BookField, json: &mut Vec<u8>) {
        let book = &self.0;
        match field {
            BookField::Id => write_text(book.id, json),
            BookField::Title => write_json(&book.title, json),
            BookField::Author => write_json(&book.author, json),
            BookField::Isbn => write_json(&book.isbn, json),
            BookField::Rating => write_json(&book.rating, json),
            BookField::Notes => write_json(&book.notes, json),
            BookField::Owner(owner) => write_json(owner, json),
            BookField::Version => write_json(&book.version, json),
            BookField::CreatedAt => write_text(book.created_at, json),
            BookField::UpdatedAt => write_text(book.updated_at, json),
        }
    }
}
