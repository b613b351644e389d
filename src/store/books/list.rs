//! Lists of books: owner, filter and order. The statements that read a part of a list are built here.

use super::filter::BookFilter;
use super::model::{BookColumns, Column};
use super::order::{BookOrder, KeysetPosition, Relative};
use crate::entity::{book, book_count, user};
use crate::id::UserId;
use crate::store::db::sql::Sql;
use crate::store::page::{End, PageRequest};
use crate::store::users::Profile;

/// A list of books.
#[derive(Clone, Debug)]
pub(crate) struct BookList {
    pub(crate) owner: UserId,
    pub(crate) filter: BookFilter,
    pub(crate) order: BookOrder,
}

/// What to read for a page of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageSelection {
    pub(crate) columns: BookColumns,
    /// The profile of the owner.
    pub(crate) owner: bool,
    /// How many books the list has.
    pub(crate) total: bool,
}

/// The first offset at which reading a page is a scan: all books before it are skipped.
const FAR_OFFSET: u64 = 1_000;

impl BookList {
    /// Whether the time to read a page at this offset depends on the size of the library.
    pub(crate) fn is_scanned_at(&self, offset: u64) -> bool {
        self.is_filtered() || offset >= FAR_OFFSET
    }

    /// Whether the list has conditions. If not, it is the whole library.
    pub(crate) fn is_filtered(&self) -> bool {
        !self.filter.is_empty()
    }

    /// Appends the statement for a page: the columns of each book, then the total and the owner's profile if
    /// selected, in query order (see [`PageRequest::collect`]). The total is that of an unfiltered list.
    pub(super) fn push_page(
        &self,
        sql: &mut Sql,
        page: &PageRequest<KeysetPosition>,
        selection: PageSelection,
    ) {
        sql.push("SELECT ").columns(selection.columns.to_select());
        if selection.total {
            sql.push(", (");
            self.push_library_size(sql);
            sql.push(")");
        }
        if selection.owner {
            sql.push(", ").join(", ", Profile::COLUMNS, |sql, column| {
                sql.push("(SELECT ").column(*column).push(" FROM ").table(user::Entity);
                sql.push(" WHERE ").column(user::Column::Id).push(" = ").bind(self.owner);
                // A unique alias: otherwise the column in ORDER BY would be ambiguous.
                sql.push(") AS profile_").column(*column);
            });
        }
        self.push_books(sql);
        for (side, position) in [(Relative::After, &page.after), (Relative::Before, &page.before)] {
            if let Some(position) = position {
                sql.push(" AND ");
                self.order.push_beyond(sql, side, position);
            }
        }
        let order = match page.end {
            End::Front => self.order,
            End::Back => self.order.reversed(),
        };
        order.push_order_by(sql);
        sql.push(" LIMIT ").bind(page.fetch_limit() as u64);
    }

    /// Appends the statement for a page by offset: `limit` books after the first `offset` books.
    pub(super) fn push_page_at(
        &self,
        sql: &mut Sql,
        (offset, limit): (u64, u64),
        columns: BookColumns,
    ) {
        sql.push("SELECT ").columns(columns.to_select());
        self.push_books(sql);
        self.order.push_order_by(sql);
        sql.push(" LIMIT ").bind(limit).push(" OFFSET ").bind(offset);
    }

    /// Appends the statement that returns a row if the list has a book at this position or on this side of it.
    pub(super) fn push_exists_from(
        &self,
        sql: &mut Sql,
        side: Relative,
        position: &KeysetPosition,
    ) {
        sql.push("SELECT ").column(Column::Id);
        self.push_books(sql);
        sql.push(" AND ");
        self.order.push_from(sql, side, position);
        sql.push(" LIMIT 1");
    }

    /// Appends the statement that counts the books that match the filter.
    pub(super) fn push_count(&self, sql: &mut Sql) {
        sql.push("SELECT count(*)");
        self.push_books(sql);
    }

    /// Appends the statement for the number of books in the owner's library; no row if it never had a book.
    pub(super) fn push_library_size(&self, sql: &mut Sql) {
        use book_count::Column::{Count, OwnerId};

        sql.push("SELECT ").column(Count).push(" FROM ").table(book_count::Entity);
        sql.push(" WHERE ").column(OwnerId).push(" = ").bind(self.owner);
    }

    /// Appends the books of the list, in no particular order: `FROM books WHERE …`.
    fn push_books(&self, sql: &mut Sql) {
        sql.push(" FROM ").table(book::Entity);
        sql.push(" WHERE ").column(Column::OwnerId).push(" = ").bind(self.owner);
        self.filter.push_conditions(sql);
    }
}

/// The statement for the twenty newest books of a library, on SQLite.
#[cfg(feature = "benchmarks")]
pub(crate) fn first_page_sql(owner: UserId) -> String {
    use super::order::{BookOrderField, Direction};

    let order = BookOrder::new(BookOrderField::CreatedAt, Direction::Descending);
    let list = BookList { owner, filter: BookFilter::default(), order };
    let page = PageRequest { limit: 20, end: End::Front, after: None, before: None };
    let selection = PageSelection { columns: BookColumns::all(), owner: false, total: false };
    let mut sql = Sql::new(sea_orm::DbBackend::Sqlite);
    list.push_page(&mut sql, &page, selection);
    sql.text().to_owned()
}
