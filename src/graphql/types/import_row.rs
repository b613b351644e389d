//! What became of the rows of a file, as a connection (GraphQL Cursor Connections).

use std::sync::Arc;

use async_graphql::{Context, Enum, Object};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::book::{Book, columns_selected};
use super::page_info::{Connection, PageInfo};
use crate::graphql::context::ContextExt;
use crate::graphql::error::{ApiError, Nullable, Result};
use crate::graphql::page_size::{DEFAULT_PAGE_SIZE, parse_page_size};
use crate::store::imports::{self, ImportJob};
use crate::store::page::{End, HasMore, Page, PageRequest};

/// The first byte of a cursor, different from those of other lists.
const CURSOR_TAG: u8 = 0x20;

/// What became of a row of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "imports::ImportAction")]
pub(crate) enum ImportAction {
    /// The book was added.
    Created,
    /// A book of the library was changed.
    Updated,
    /// The library has the book, and nothing was changed.
    Skipped,
    /// The row could not be imported; its notes say why.
    Failed,
}

#[derive(Clone, Debug)]
pub(crate) struct ImportRow(imports::ImportRow);

/// A row of a file, and what became of it.
#[expect(clippy::unused_async, reason = "async-graphql requires it of resolvers")]
#[Object]
impl ImportRow {
    /// The line of the file in which the row starts. The header is line 1.
    async fn line(&self) -> i32 {
        self.0.line
    }

    /// What became of the row.
    async fn action(&self) -> ImportAction {
        self.0.action.into()
    }

    /// The title in the file; null if it has none.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// The book that the row added, changed or left as it was. Null if the row failed, if a dry run would add the book, and
    /// if the book was deleted since.
    async fn book(&self, ctx: &Context<'_>) -> Nullable<Book> {
        self.find_book(ctx).await.transpose()
    }

    /// What could not be imported as it is in the file, and why; empty if all was.
    async fn notes(&self, ctx: &Context<'_>) -> Result<Vec<&str>> {
        let notes = self.0.notes.as_deref();
        ctx.response_size().add_written(notes.map_or(0, str::len))?;
        Ok(notes.map(|notes| notes.split('\n').collect()).unwrap_or_default())
    }
}

impl ImportRow {
    async fn find_book(&self, ctx: &Context<'_>) -> Result<Option<Book>> {
        match self.0.book_id {
            Some(id) => Book::find(ctx, ctx.viewer()?, id, columns_selected(ctx)).await,
            None => Ok(None),
        }
    }

    fn encode_cursor(&self) -> String {
        let mut bytes = vec![CURSOR_TAG];
        bytes.extend(self.0.number.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// The position of a cursor; `None` if it is malformed.
fn decode_cursor(cursor: &str) -> Option<i32> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (&CURSOR_TAG, number) = bytes.split_first()? else { return None };
    Some(i32::from_be_bytes(number.try_into().ok()?))
}

/// A page of the rows of an import.
#[derive(Debug)]
pub(in crate::graphql) struct ImportRowConnection {
    job: Arc<ImportJob>,
    action: Option<imports::ImportAction>,
    request: PageRequest<i32>,
    edges: Vec<ImportRowEdge>,
    more: bool,
}

impl ImportRowConnection {
    pub(super) async fn load(
        ctx: &Context<'_>,
        job: Arc<ImportJob>,
        first: Option<i32>,
        after: Option<String>,
        action: Option<ImportAction>,
    ) -> Result<Self> {
        let limit = parse_page_size(first.unwrap_or(DEFAULT_PAGE_SIZE), "first")?;
        let invalid = || ApiError::bad_input("The cursor in after is not valid for this list.");
        let after = after.map(|cursor| decode_cursor(&cursor).ok_or_else(invalid)).transpose()?;
        let request = PageRequest { limit, end: End::Front, after, before: None };
        let action = action.map(imports::ImportAction::from);
        let rows = ctx.store().imports().rows(job.owner_id, job.id, action, &request).await?;
        let Page { rows, more } = rows;
        let edges = rows.into_iter().map(|row| ImportRowEdge { node: ImportRow(row) }).collect();
        Ok(Self { job, action, request, edges, more })
    }
}

impl ImportRowConnection {
    /// Whether more rows follow this page.
    pub(super) fn has_next_page(&self) -> bool {
        self.more
    }

    /// Whether rows precede this page.
    pub(super) async fn has_previous_page(&self, ctx: &Context<'_>) -> Result<bool> {
        match self.request.previous(self.more) {
            HasMore::Known(known) => Ok(known),
            HasMore::AnyUpTo(position) | HasMore::AnyFrom(position) => {
                let imports = ctx.store().imports();
                let ImportJob { owner_id, id, .. } = *self.job;
                Ok(imports.has_row_up_to(owner_id, id, self.action, position).await?)
            }
        }
    }
}

/// A page of the rows of an import, with cursors for the next page.
#[Object]
impl ImportRowConnection {
    /// The rows of this page, each with its cursor.
    async fn edges(&self) -> &[ImportRowEdge] {
        &self.edges
    }

    /// The rows of this page.
    async fn nodes(&self) -> Vec<&ImportRow> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// The cursors of this page, and whether more rows follow or precede it.
    async fn page_info(&self) -> PageInfo<'_> {
        PageInfo {
            start_cursor: self.edges.first().map(|edge| edge.node.encode_cursor()),
            end_cursor: self.edges.last().map(|edge| edge.node.encode_cursor()),
            connection: Connection::ImportRows(self),
        }
    }

    /// Number of rows so far with the result, or of all.
    async fn total_count(&self) -> i32 {
        self.job.counts().of(self.action)
    }
}

#[derive(Clone, Debug)]
pub(in crate::graphql) struct ImportRowEdge {
    node: ImportRow,
}

/// A row of a file in a list, with its cursor.
#[Object]
impl ImportRowEdge {
    /// The position of this row in the list, for `after`. Opaque.
    async fn cursor(&self) -> String {
        self.node.encode_cursor()
    }

    /// The row.
    async fn node(&self) -> &ImportRow {
        &self.node
    }
}
