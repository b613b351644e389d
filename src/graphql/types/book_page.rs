//! Lists of books as numbered pages, for tables.

use async_graphql::{Context, Object, SelectionField};

use super::book::{self, Book};
use super::book_filter::{BookFilter, BookOrder};
use super::connection::{book_list, saturating_i32};
use crate::graphql::context::ContextExt;
use crate::graphql::direct_json::JsonList;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::page_size::parse_page_size;
use crate::id::UserId;
use crate::store::books::BookList;

/// A numbered page of a list of books.
#[derive(Debug)]
pub(in crate::graphql) struct BookPage {
    list: BookList,
    rows: Vec<Book>,
    page: i32,
    per_page: i32,
    /// Number of books on all pages; `None` if neither `total` nor `pages` was selected.
    total: Option<u64>,
}

impl BookPage {
    pub(in crate::graphql) async fn load(
        ctx: &Context<'_>,
        owner: UserId,
        (page, per_page): (i32, i32),
        filter: Option<BookFilter>,
        order: Option<BookOrder>,
    ) -> Result<Self> {
        let list = book_list(owner, filter, order)?;
        let limit = parse_page_size(per_page, "perPage")? as u64;
        let Some(pages_before) = u64::try_from(page).ok().and_then(|page| page.checked_sub(1))
        else {
            return Err(ApiError::bad_input("page must be at least 1."));
        };
        let offset = pages_before * limit;
        if list.is_scanned_at(offset) {
            ctx.charge_scan(list.owner, list.filter.search_words()).await?;
        }
        let (selected, books) = (ctx.look_ahead(), ctx.store().books());
        let items = selected.field("items").selection_fields();
        let fields = items.iter().flat_map(SelectionField::selection_set);
        let columns = book::columns_read(fields.map(|field| field.name()));
        let size = ctx.response_size();
        size.wait_for_turn().await;
        let total = ["total", "pages"].iter().any(|name| selected.field(name).exists());
        let range = (offset, limit);
        let (rows, total) =
            books.page_at(ctx.scans(), &list, range, columns, total, &size.read).await?;
        let rows = rows.into_iter().map(Book::new).collect();
        Ok(Self { list, rows, page, per_page, total })
    }

    async fn count(&self, ctx: &Context<'_>) -> Result<i32> {
        match self.total {
            Some(total) => Ok(saturating_i32(total)),
            None => Ok(saturating_i32(ctx.store().books().count(ctx.scans(), &self.list).await?)),
        }
    }
}

/// A numbered page of a list of books, for tables.
#[Object]
impl BookPage {
    /// The books of this page; empty if the page is past the end of the list.
    async fn items(&self) -> JsonList<'_, Book, Book> {
        JsonList { rows: &self.rows, object: |book| book }
    }

    /// Number of books that match the filter, on all pages. Costs a query only if it is selected.
    async fn total(&self, ctx: &Context<'_>) -> Result<i32> {
        self.count(ctx).await
    }

    /// Number of this page, starting at 1.
    async fn page(&self) -> i32 {
        self.page
    }

    /// Maximum number of books on a page.
    async fn per_page(&self) -> i32 {
        self.per_page
    }

    /// Number of pages; 0 if no book matches the filter.
    async fn pages(&self, ctx: &Context<'_>) -> Result<i32> {
        let total = self.count(ctx).await?;
        Ok(total / self.per_page + i32::from(total % self.per_page > 0))
    }
}
