//! The position of a page in its list.

use async_graphql::{ComplexObject, Context, SimpleObject};

use super::connection::BookConnection;
use super::import_row::ImportRowConnection;
use crate::graphql::error::Result;

/// The position of a page in its list.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(in crate::graphql) struct PageInfo<'a> {
    /// The cursor of the first element; null if the page is empty.
    pub(super) start_cursor: Option<String>,
    /// The cursor of the last element; null if the page is empty.
    pub(super) end_cursor: Option<String>,
    #[graphql(skip)]
    pub(super) connection: Connection<'a>,
}

/// The connection of a page.
#[derive(Clone, Copy, Debug)]
pub(super) enum Connection<'a> {
    Books(&'a BookConnection),
    ImportRows(&'a ImportRowConnection),
}

#[ComplexObject]
impl PageInfo<'_> {
    /// Whether more elements follow this page.
    async fn has_next_page(&self, ctx: &Context<'_>) -> Result<bool> {
        match self.connection {
            Connection::Books(books) => books.has_next_page(ctx).await,
            Connection::ImportRows(rows) => Ok(rows.has_next_page()),
        }
    }

    /// Whether elements precede this page.
    async fn has_previous_page(&self, ctx: &Context<'_>) -> Result<bool> {
        match self.connection {
            Connection::Books(books) => books.has_previous_page(ctx).await,
            Connection::ImportRows(rows) => rows.has_previous_page(ctx).await,
        }
    }
}
