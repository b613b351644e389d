//! Lists of books as connections (GraphQL Cursor Connections).

use async_graphql::{Context, Lookahead, Object, SelectionField};

use super::book::{self, Book};
use super::book_filter::{BookFilter, BookOrder};
use super::page_info::{Connection, PageInfo};
use super::user::User;
use crate::graphql::context::ContextExt;
use crate::graphql::cursor;
use crate::graphql::direct_json::{
    DirectJson, Json, JsonList, ObjectPlan, Objects, PlannedObject, Writer,
};
use crate::graphql::error::{ApiError, Result};
use crate::graphql::page_size::{DEFAULT_PAGE_SIZE, parse_page_size};
use crate::id::UserId;
use crate::store::books::{self, BookList, KeysetPosition, PageSelection, Relative};
use crate::store::page::{End, HasMore, Page, PageRequest};

/// The arguments of a connection.
#[derive(Debug, Default)]
pub(in crate::graphql) struct ConnectionArgs {
    pub(in crate::graphql) first: Option<i32>,
    pub(in crate::graphql) after: Option<String>,
    pub(in crate::graphql) last: Option<i32>,
    pub(in crate::graphql) before: Option<String>,
}

impl ConnectionArgs {
    fn page_request(&self, order: books::BookOrder) -> Result<PageRequest<KeysetPosition>> {
        let (end, size, name) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(ApiError::bad_input("Use either first or last, not both."));
            }
            (None, Some(last)) => (End::Back, last, "last"),
            (first, None) => (End::Front, first.unwrap_or(DEFAULT_PAGE_SIZE), "first"),
        };
        let position = |cursor: &Option<String>, name: &str| match cursor {
            None => Ok(None),
            Some(cursor) => cursor::decode(order, cursor).map(Some).ok_or_else(|| {
                ApiError::bad_input(format!("The cursor in {name} is not valid for this list."))
            }),
        };
        Ok(PageRequest {
            limit: parse_page_size(size, name)?,
            end,
            after: position(&self.after, "after")?,
            before: position(&self.before, "before")?,
        })
    }
}

pub(in crate::graphql) fn book_list(
    owner: UserId,
    filter: Option<BookFilter>,
    order: Option<BookOrder>,
) -> Result<BookList> {
    let filter = filter.map(BookFilter::parse).transpose()?.unwrap_or_default();
    Ok(BookList { owner, filter, order: order.unwrap_or_default().into() })
}

/// A page of a list of books.
#[derive(Debug)]
pub(in crate::graphql) struct BookConnection {
    list: BookList,
    request: PageRequest<KeysetPosition>,
    edges: Vec<BookEdge>,
    more: bool,
    /// Number of books in the list; `None` if `totalCount` was not selected.
    total: Option<u64>,
}

impl BookConnection {
    /// Reads what the selected fields need in one call of the store.
    pub(in crate::graphql) async fn load(
        ctx: &Context<'_>,
        owner: UserId,
        arguments: ConnectionArgs,
        filter: Option<BookFilter>,
        order: Option<BookOrder>,
    ) -> Result<Self> {
        let list = book_list(owner, filter, order)?;
        let request = arguments.page_request(list.order)?;
        let selection = selection(ctx);
        if list.is_scanned_at(0) {
            ctx.charge_scan(list.owner, list.filter.search_words()).await?;
        }
        let size = ctx.response_size();
        size.wait_for_turn().await;
        let books = ctx.store().books();
        let page = books.page(ctx.scans(), &list, &request, selection, &size.read).await?;
        if let Some(owner) = page.owner {
            ctx.loaders().prime_user(owner).await;
        }
        let Page { rows, more } = page.books;
        let edges = rows.into_iter().map(|book| BookEdge::new(list.order, book)).collect();
        Ok(Self { list, request, edges, more, total: page.total })
    }

    /// Whether more books follow this page.
    pub(super) async fn has_next_page(&self, ctx: &Context<'_>) -> Result<bool> {
        self.resolve_has_more(ctx, self.request.next(self.more)).await
    }

    /// Whether books precede this page.
    pub(super) async fn has_previous_page(&self, ctx: &Context<'_>) -> Result<bool> {
        self.resolve_has_more(ctx, self.request.previous(self.more)).await
    }

    async fn resolve_has_more(
        &self,
        ctx: &Context<'_>,
        beyond: HasMore<KeysetPosition>,
    ) -> Result<bool> {
        let (side, position) = match beyond {
            HasMore::Known(known) => return Ok(known),
            HasMore::AnyFrom(position) => (Relative::After, position),
            HasMore::AnyUpTo(position) => (Relative::Before, position),
        };
        Ok(ctx.store().books().exists_from(ctx.scans(), &self.list, side, &position).await?)
    }
}

/// What the selected fields of a connection read.
fn selection(ctx: &Context<'_>) -> PageSelection {
    let connection = ctx.look_ahead();
    let nodes = [connection.field("nodes"), connection.field("edges").field("node")];
    let selected: Vec<_> = nodes.iter().flat_map(Lookahead::selection_fields).collect();
    let fields = selected.iter().flat_map(SelectionField::selection_set);
    PageSelection {
        columns: book::columns_read(fields.map(|field| field.name())),
        owner: nodes.iter().any(|node| {
            let owners = node.field("owner").selection_fields();
            let mut fields = owners.iter().flat_map(SelectionField::selection_set);
            fields.any(|field| User::needs_profile(field.name()))
        }),
        total: connection.field("totalCount").exists(),
    }
}

/// A page of a list of books, with cursors for the next and the previous page.
#[expect(clippy::unused_async, reason = "async-graphql requires it of resolvers")]
#[Object]
impl BookConnection {
    /// The books of this page, each with its cursor.
    async fn edges(&self) -> JsonList<'_, BookEdge, BookEdge> {
        JsonList { rows: &self.edges, object: |edge| edge }
    }

    /// The books of this page.
    async fn nodes(&self) -> JsonList<'_, BookEdge, Book> {
        JsonList { rows: &self.edges, object: |edge| &edge.node }
    }

    /// The cursors of this page, and whether more books follow or precede it.
    async fn page_info(&self) -> Result<PageInfo<'_>> {
        Ok(PageInfo {
            start_cursor: self.edges.first().map(BookEdge::encode_cursor).transpose()?,
            end_cursor: self.edges.last().map(BookEdge::encode_cursor).transpose()?,
            connection: Connection::Books(self),
        })
    }

    /// Number of books that match the filter, on all pages. Costs a query only if it is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        match self.total {
            Some(total) => Ok(saturating_i32(total)),
            None => Ok(saturating_i32(ctx.store().books().count(ctx.scans(), &self.list).await?)),
        }
    }
}

/// A count as a GraphQL `Int`; larger counts become 2,147,483,647.
pub(in crate::graphql) fn saturating_i32(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[derive(Clone, Debug)]
pub(in crate::graphql) struct BookEdge {
    order: books::BookOrder,
    node: Book,
}

impl BookEdge {
    pub(in crate::graphql) fn new(order: books::BookOrder, book: books::Book) -> Self {
        Self { order, node: Book::new(book) }
    }

    /// The edge of a book in lists with the default order.
    pub(in crate::graphql) fn in_default_order(node: Book) -> Self {
        Self { order: BookOrder::default().into(), node }
    }

    fn encode_cursor(&self) -> Result<String> {
        Ok(cursor::encode(self.order, &self.order.position(&self.node.0)?))
    }
}

/// A book in a list, with its cursor.
#[expect(clippy::unused_async, reason = "async-graphql requires it of resolvers")]
#[Object]
impl BookEdge {
    /// The position of this book in the list, for `after` and `before`. Opaque; valid only for lists
    /// with the same order.
    async fn cursor(&self) -> Result<String> {
        self.encode_cursor()
    }

    /// The book.
    async fn node(&self) -> &Book {
        &self.node
    }
}

const CURSOR: Writer<BookEdge> = Writer::Value(|edge, json| json.plain(edge.encode_cursor()?));

const NODE: Writer<BookEdge> = Writer::Object(|ctx, _, edges| {
    Box::pin(async move {
        let books = Objects::new(edges.iter().map(|edge| &edge.node))?;
        let plan = ObjectPlan::new(ctx, &books).await?;
        let write = move |edge: &BookEdge, json: &mut Json| plan.write(&edge.node, json);
        Some(Box::new(write) as PlannedObject<BookEdge>)
    })
});

impl DirectJson for BookEdge {
    /// The owner of the books.
    type Shared = UserId;

    fn shared(&self) -> UserId {
        self.node.shared()
    }

    fn writer(field: &str) -> Option<&'static Writer<Self>> {
        match field {
            "cursor" => Some(&CURSOR),
            "node" => Some(&NODE),
            _ => None,
        }
    }
}
