//! The viewer's books.

use async_graphql::{Context, ID, Object};

use crate::graphql::book_page::BookPage;
use crate::graphql::connection::{BookConnection, ConnectionArgs};
use crate::graphql::context::ContextExt;
use crate::graphql::direct_json::JsonObject;
use crate::graphql::error::{Nullable, Result};
use crate::graphql::types::book::Book;
use crate::graphql::types::book_filter::{BookFilter, BookOrder};
use crate::id::BookId;

#[derive(Debug, Default)]
pub(super) struct BookQuery;

#[Object]
impl BookQuery {
    /// The viewer's book with this id; null when there is none, whatever the reason.
    async fn book(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of a book.")] id: ID,
    ) -> Nullable<JsonObject<Book>> {
        let viewer = match ctx.viewer() {
            Ok(viewer) => viewer,
            Err(failure) => return Some(Err(failure)),
        };
        let book = Book::find(ctx, viewer, BookId::parse(&id)?).await;
        book.map(|book| book.map(JsonObject)).transpose()
    }

    /// The viewer's books, newest first unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn books(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many from the start, 1 to 100; 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only books after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only books before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which books.")] filter: Option<BookFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<BookOrder>,
    ) -> Result<BookConnection> {
        let window = ConnectionArgs { first, after, last, before };
        BookConnection::load(ctx, ctx.viewer()?.user, window, filter, order_by).await
    }

    /// Numbered pages over the same list, for tables.
    async fn books_page(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of the page, from 1.", default = 1)] page: i32,
        #[graphql(desc = "Books on a page, 1 to 100.", default = 20)] per_page: i32,
        #[graphql(desc = "Which books.")] filter: Option<BookFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<BookOrder>,
    ) -> Result<BookPage> {
        let owner = ctx.viewer()?.user;
        BookPage::load(ctx, owner, (page, per_page), filter, order_by).await
    }
}
