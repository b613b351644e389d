//! Lists of books: as a connection (GraphQL Cursor Connections), and as numbered pages.

use async_graphql::{ComplexObject, Context, Object, SimpleObject};
use tokio::sync::OnceCell;

use super::context::Doors;
use super::cursor;
use super::error::{Failure, Result};
use super::types::book::Book;
use super::types::book_filter::{BookFilter, BookOrder};
use crate::id::UserId;
use crate::store::books::{BookList, Position, Side};
use crate::store::page::{Beyond, End, Slice};
use crate::store::{Store, books};

/// How many elements a list gives when nobody says.
pub(super) const DEFAULT_SIZE: i32 = 20;

/// How many elements a list gives at most.
pub(super) const LARGEST_SIZE: usize = 100;

/// The arguments of a connection.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) first: Option<i32>,
    pub(super) after: Option<String>,
    pub(super) last: Option<i32>,
    pub(super) before: Option<String>,
}

impl Window {
    fn slice(&self, order: books::BookOrder) -> Result<Slice<Position>> {
        let (end, size, name) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(Failure::bad_input("Give first or last, not both."));
            }
            (None, Some(last)) => (End::Finish, last, "last"),
            (first, None) => (End::Start, first.unwrap_or(DEFAULT_SIZE), "first"),
        };
        let position = |cursor: &Option<String>, name: &str| match cursor {
            None => Ok(None),
            Some(cursor) => cursor::decode(order, cursor).map(Some).ok_or_else(|| {
                Failure::bad_input(format!("The cursor in {name} was not made for this list."))
            }),
        };
        Ok(Slice {
            limit: size_of_page(size, name)?,
            end,
            after: position(&self.after, "after")?,
            before: position(&self.before, "before")?,
        })
    }
}

fn size_of_page(size: i32, name: &str) -> Result<usize> {
    match usize::try_from(size) {
        Ok(size @ 1..=LARGEST_SIZE) => Ok(size),
        _ => Err(Failure::bad_input(format!("{name} goes from 1 to {LARGEST_SIZE}."))),
    }
}

fn list(owner: UserId, filter: Option<BookFilter>, order: Option<BookOrder>) -> Result<BookList> {
    let filter = filter.map(BookFilter::parse).transpose()?.unwrap_or_default();
    Ok(BookList { owner, filter, order: order.unwrap_or_default().into() })
}

/// A part of a list of books.
#[derive(Debug)]
pub(super) struct BookConnection {
    list: BookList,
    slice: Slice<Position>,
    rows: Vec<books::Book>,
    more: bool,
}

impl BookConnection {
    pub(super) async fn load(
        store: &Store,
        owner: UserId,
        window: Window,
        filter: Option<BookFilter>,
        order: Option<BookOrder>,
    ) -> Result<Self> {
        let list = list(owner, filter, order)?;
        let slice = window.slice(list.order)?;
        let sliced = store.books().slice(&list, &slice).await?;
        Ok(Self { list, slice, rows: sliced.rows, more: sliced.more })
    }

    fn cursor(&self, row: Option<&books::Book>) -> Option<String> {
        let order = self.list.order;
        row.map(|row| cursor::encode(order, &order.position_of(row)))
    }

    async fn holds(&self, ctx: &Context<'_>, beyond: Beyond<Position>) -> Result<bool> {
        let (side, position) = match beyond {
            Beyond::Known(known) => return Ok(known),
            Beyond::AnyFrom(position) => (Side::After, position),
            Beyond::AnyUpTo(position) => (Side::Before, position),
        };
        Ok(ctx.store().books().any_from(&self.list, side, &position).await?)
    }
}

/// A part of a list of books, with cursors to go on from.
#[Object]
impl BookConnection {
    /// The books of this part, each with its cursor.
    async fn edges(&self) -> Vec<BookEdge> {
        self.rows.iter().map(|row| BookEdge::new(self.list.order, row.clone())).collect()
    }

    /// The books of this part.
    async fn nodes(&self) -> Vec<Book> {
        self.rows.iter().cloned().map(Book).collect()
    }

    /// Where this part lies in the list.
    async fn page_info(&self) -> PageInfo<'_> {
        PageInfo {
            start_cursor: self.cursor(self.rows.first()),
            end_cursor: self.cursor(self.rows.last()),
            connection: self,
        }
    }

    /// Books that match the filter, in all parts of the list; counted only when asked for.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        count(ctx.store(), &self.list).await
    }
}

/// A book in a list, with its cursor.
#[derive(Debug, SimpleObject)]
pub(super) struct BookEdge {
    /// The place of this book in the list, for `after` and `before`. Opaque, and good for lists of
    /// the same order only.
    cursor: String,
    /// The book.
    node: Book,
}

impl BookEdge {
    pub(super) fn new(order: books::BookOrder, row: books::Book) -> Self {
        Self { cursor: cursor::encode(order, &order.position_of(&row)), node: Book(row) }
    }
}

/// Where a part of a list lies in it.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(super) struct PageInfo<'a> {
    /// The cursor of the first element; null when there is none.
    start_cursor: Option<String>,
    /// The cursor of the last element; null when there is none.
    end_cursor: Option<String>,
    #[graphql(skip)]
    connection: &'a BookConnection,
}

#[ComplexObject]
impl PageInfo<'_> {
    /// Whether the list goes on after this part.
    async fn has_next_page(&self, ctx: &Context<'_>) -> Result<bool> {
        let BookConnection { slice, more, .. } = self.connection;
        self.connection.holds(ctx, slice.next(*more)).await
    }

    /// Whether the list has something before this part.
    async fn has_previous_page(&self, ctx: &Context<'_>) -> Result<bool> {
        let BookConnection { slice, more, .. } = self.connection;
        self.connection.holds(ctx, slice.previous(*more)).await
    }
}

/// A numbered page of a list of books.
#[derive(Debug)]
pub(super) struct BookPage {
    list: BookList,
    rows: Vec<books::Book>,
    page: i32,
    per_page: i32,
    /// Counted once, if anybody asks.
    total: OnceCell<i32>,
}

impl BookPage {
    pub(super) async fn load(
        store: &Store,
        owner: UserId,
        (page, per_page): (i32, i32),
        filter: Option<BookFilter>,
        order: Option<BookOrder>,
    ) -> Result<Self> {
        let list = list(owner, filter, order)?;
        let limit = size_of_page(per_page, "perPage")? as u64;
        let Some(pages_before) = u64::try_from(page).ok().and_then(|page| page.checked_sub(1))
        else {
            return Err(Failure::bad_input("page starts at 1."));
        };
        let rows = store.books().page(&list, pages_before * limit, limit).await?;
        Ok(Self { list, rows, page, per_page, total: OnceCell::new() })
    }

    async fn count(&self, ctx: &Context<'_>) -> Result<i32> {
        self.total.get_or_try_init(|| count(ctx.store(), &self.list)).await.copied()
    }
}

/// A numbered page of a list of books, for tables.
#[Object]
impl BookPage {
    /// The books of this page; none on a page past the end.
    async fn items(&self) -> Vec<Book> {
        self.rows.iter().cloned().map(Book).collect()
    }

    /// Books that match the filter, on all pages; counted only when asked for.
    async fn total(&self, ctx: &Context<'_>) -> Result<i32> {
        self.count(ctx).await
    }

    /// The number of this page, from 1.
    async fn page(&self) -> i32 {
        self.page
    }

    /// Books on a full page.
    async fn per_page(&self) -> i32 {
        self.per_page
    }

    /// How many pages there are; 0 when no book matches.
    async fn pages(&self, ctx: &Context<'_>) -> Result<i32> {
        let total = self.count(ctx).await?;
        Ok(total / self.per_page + i32::from(total % self.per_page > 0))
    }
}

async fn count(store: &Store, list: &BookList) -> Result<i32> {
    let count = store.books().count(list).await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}
