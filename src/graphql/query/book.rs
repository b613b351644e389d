//! The viewer's books.

use async_graphql::{Context, ID, Object};

use crate::graphql::context::ContextExt;
use crate::graphql::direct_json::JsonObject;
use crate::graphql::error::{Nullable, Result};
use crate::graphql::types::book::{Book, columns_selected};
use crate::graphql::types::book_filter::{BookFilter, BookOrder};
use crate::graphql::types::book_page::BookPage;
use crate::graphql::types::connection::{BookConnection, ConnectionArgs};
use crate::id::BookId;

#[derive(Debug, Default)]
pub(super) struct BookQuery;

#[Object]
impl BookQuery {
    /// The viewer's book with this id; null if the id is malformed, or if the book does not exist or
    /// belongs to another user.
    async fn book(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the book.")] id: ID,
    ) -> Nullable<JsonObject<Book>> {
        let viewer = match ctx.viewer() {
            Ok(viewer) => viewer,
            Err(failure) => return Some(Err(failure)),
        };
        let book = Book::find(ctx, viewer, BookId::parse(&id)?, columns_selected(ctx)).await;
        book.map(|book| book.map(JsonObject)).transpose()
    }

    /// The viewer's books; by default the newest first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn books(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of books from the start, 1 to 100; 20 if first and last are not given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only books after this cursor.")] after: Option<String>,
        #[graphql(desc = "Number of books from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only books before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only books that match this filter.")] filter: Option<BookFilter>,
        #[graphql(desc = "The order of the books; newest first if absent or null.")]
        order_by: Option<BookOrder>,
    ) -> Result<BookConnection> {
        let arguments = ConnectionArgs { first, after, last, before };
        BookConnection::load(ctx, ctx.viewer()?.user, arguments, filter, order_by).await
    }

    /// A numbered page of the viewer's books, for tables.
    async fn books_page(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of the page, starting at 1.", default = 1)] page: i32,
        #[graphql(desc = "Maximum number of books on the page, 1 to 100.", default = 20)]
        per_page: i32,
        #[graphql(desc = "Only books that match this filter.")] filter: Option<BookFilter>,
        #[graphql(desc = "The order of the books; newest first if absent or null.")]
        order_by: Option<BookOrder>,
    ) -> Result<BookPage> {
        let owner = ctx.viewer()?.user;
        BookPage::load(ctx, owner, (page, per_page), filter, order_by).await
    }
}
