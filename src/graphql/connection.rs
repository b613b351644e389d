//! Lists of books as connections (GraphQL Cursor Connections).

use async_graphql::parser::types::Field;
use async_graphql::{
    ComplexObject, Context, ContextSelectionSet, Lookahead, Object, Positioned, SimpleObject,
};

use super::context::ContextExt;
use super::cursor;
use super::direct_json::{DirectJson, FieldPlan, JsonList, write_text};
use super::error::{ApiError, Result};
use super::types::book::{BASE_FIELDS, Book};
use super::types::book_filter::{BookFilter, BookOrder};
use crate::id::UserId;
use crate::store::books;
use crate::store::books::{BookList, BookProjection, KeysetPosition, Relative};
use crate::store::page::{End, HasMore, Page, PageRequest};

/// The page size if the client requests none.
pub(super) const DEFAULT_PAGE_SIZE: i32 = 20;

/// The maximum page size.
pub(super) const MAX_PAGE_SIZE: usize = 100;

/// The arguments of a connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionArgs {
    pub(super) first: Option<i32>,
    pub(super) after: Option<String>,
    pub(super) last: Option<i32>,
    pub(super) before: Option<String>,
}

impl ConnectionArgs {
    fn slice(&self, order: books::BookOrder) -> Result<PageRequest<KeysetPosition>> {
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

pub(super) fn parse_page_size(size: i32, name: &str) -> Result<usize> {
    match usize::try_from(size) {
        Ok(size @ 1..=MAX_PAGE_SIZE) => Ok(size),
        _ => Err(ApiError::bad_input(format!("{name} must be from 1 to {MAX_PAGE_SIZE}."))),
    }
}

pub(super) fn book_list(
    owner: UserId,
    filter: Option<BookFilter>,
    order: Option<BookOrder>,
) -> Result<BookList> {
    let filter = filter.map(BookFilter::parse).transpose()?.unwrap_or_default();
    Ok(BookList { owner, filter, order: order.unwrap_or_default().into() })
}

/// A page of a list of books.
#[derive(Debug)]
pub(super) struct BookConnection {
    list: BookList,
    slice: PageRequest<KeysetPosition>,
    edges: Vec<BookEdge>,
    more: bool,
    /// Number of books in the list; `None` if `totalCount` was not selected.
    total: Option<u64>,
}

impl BookConnection {
    /// Reads what the selected fields need in one call of the store.
    pub(super) async fn load(
        ctx: &Context<'_>,
        owner: UserId,
        window: ConnectionArgs,
        filter: Option<BookFilter>,
        order: Option<BookOrder>,
    ) -> Result<Self> {
        let list = book_list(owner, filter, order)?;
        let slice = window.slice(list.order)?;
        let selected = ctx.look_ahead();
        let nodes = [selected.field("nodes"), selected.field("edges").field("node")];
        let wanted = BookProjection {
            details: nodes
                .iter()
                .flat_map(Lookahead::selection_fields)
                .any(|node| node.selection_set().any(|field| !BASE_FIELDS.contains(&field.name()))),
            notes: nodes.iter().any(|node| node.field("notes").exists()),
            owner: nodes.iter().any(|node| {
                let owner = node.field("owner");
                ["username", "email", "createdAt"].iter().any(|name| owner.field(name).exists())
            }),
            total: selected.field("totalCount").exists(),
        };
        let part = ctx.store().books().slice(&list, &slice, wanted).await?;
        if let Some(owner) = part.owner {
            ctx.loaders().prime_user(owner).await;
        }
        let Page { rows, more } = part.books;
        let edges = rows.into_iter().map(|row| BookEdge::new(list.order, row)).collect();
        Ok(Self { list, slice, edges, more, total: part.total })
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
        Ok(ctx.store().books().exists_from(&self.list, side, &position).await?)
    }
}

/// A page of a list of books, with cursors for the next and the previous page.
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
    async fn page_info(&self) -> PageInfo<'_> {
        PageInfo {
            start_cursor: self.edges.first().map(BookEdge::cursor),
            end_cursor: self.edges.last().map(BookEdge::cursor),
            connection: self,
        }
    }

    /// Number of books that match the filter, on all pages. Costs a query only if it is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        match self.total {
            Some(total) => Ok(saturating_i32(total)),
            None => Ok(saturating_i32(ctx.store().books().count(&self.list).await?)),
        }
    }
}

/// A count as a GraphQL `Int`; larger counts become 2,147,483,647.
pub(super) fn saturating_i32(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[derive(Clone, Debug)]
pub(super) struct BookEdge {
    order: books::BookOrder,
    node: Book,
}

impl BookEdge {
    pub(super) fn new(order: books::BookOrder, row: books::Book) -> Self {
        Self { order, node: Book(row) }
    }

    fn cursor(&self) -> String {
        cursor::encode(self.order, &self.order.position_of(&self.node.0))
    }
}

/// A book in a list, with its cursor.
#[Object]
impl BookEdge {
    /// The position of this book in the list, for `after` and `before`. Opaque; valid only for lists
    /// with the same order.
    #[graphql(name = "cursor")]
    async fn its_cursor(&self) -> String {
        self.cursor()
    }

    /// The book.
    async fn node(&self) -> &Book {
        &self.node
    }
}

/// A field of an edge that can be written without a resolver.
pub(super) enum BookEdgeField {
    Cursor,
    Node(FieldPlan<Book>),
}

impl DirectJson for BookEdge {
    /// The owner of the books.
    type Shared = UserId;
    type Field = BookEdgeField;

    fn common(&self) -> UserId {
        self.node.common()
    }

    async fn field(
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
        owner: &UserId,
    ) -> Option<BookEdgeField> {
        match field.node.name.node.as_str() {
            "cursor" => Some(BookEdgeField::Cursor),
            "node" => {
                let ctx = ctx.with_selection_set(&field.node.selection_set);
                FieldPlan::of(&ctx, owner).await.map(BookEdgeField::Node)
            }
            _ => None,
        }
    }

    fn write(&self, field: &BookEdgeField, json: &mut Vec<u8>) {
        match field {
            BookEdgeField::Cursor => write_text(self.cursor(), json),
            BookEdgeField::Node(plan) => plan.write(&self.node, json),
        }
    }
}

/// The position of a page in its list.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(super) struct PageInfo<'a> {
    /// The cursor of the first element; null if the page is empty.
    start_cursor: Option<String>,
    /// The cursor of the last element; null if the page is empty.
    end_cursor: Option<String>,
    #[graphql(skip)]
    connection: &'a BookConnection,
}

#[ComplexObject]
impl PageInfo<'_> {
    /// Whether more elements follow this page.
    async fn has_next_page(&self, ctx: &Context<'_>) -> Result<bool> {
        let BookConnection { slice, more, .. } = self.connection;
        self.connection.resolve_has_more(ctx, slice.next(*more)).await
    }

    /// Whether elements precede this page.
    async fn has_previous_page(&self, ctx: &Context<'_>) -> Result<bool> {
        let BookConnection { slice, more, .. } = self.connection;
        self.connection.resolve_has_more(ctx, slice.previous(*more)).await
    }
}
