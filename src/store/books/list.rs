//! Lists of books: owner, filter and order. The statements that read a part of a list are built here.

use super::filter::BookFilter;
use super::model::{BookColumns, Column};
use super::order::{BookOrder, Bound, KeysetPosition, Relative, Segment};
use crate::entity::{book, user};
use crate::id::UserId;
use crate::store::db::sql::Sql;
use crate::store::page::{End, PageRequest};
use crate::store::quota;
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
            quota::push_book_count(sql, self.owner);
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
        let side = |side, position| Bound { side, position, inclusive: false };
        let after = page.after.iter().map(|position| side(Relative::After, position));
        let before = page.before.iter().map(|position| side(Relative::Before, position));
        let bounds: Vec<_> = after.chain(before).collect();
        let order = match page.end {
            End::Front => self.order,
            End::Back => self.order.reversed(),
        };
        let limit = page.fetch_limit() as u64;
        if let &[segment] = &*order.segments(&bounds) {
            self.push_segment(sql, order, segment, &bounds);
            order.push_order_of(sql, segment);
            sql.push(" LIMIT ").bind(limit);
        } else {
            self.push_books_with_ids(sql, |sql| self.push_ids(sql, order, &bounds, (0, limit)));
            order.push_order(sql);
        }
    }

    /// Appends the statement for a page by offset: `limit` books after the first `offset` books. Only the ids of the
    /// books before the page are read, which an index has.
    pub(super) fn push_page_at(&self, sql: &mut Sql, range: (u64, u64), columns: BookColumns) {
        sql.push("SELECT ").columns(columns.to_select());
        self.push_books_with_ids(sql, |sql| self.push_ids(sql, self.order, &[], range));
        self.order.push_order(sql);
    }

    /// Appends the statement that returns a row if the list has a book at this position or on this side of it.
    pub(super) fn push_exists_from(
        &self,
        sql: &mut Sql,
        side: Relative,
        position: &KeysetPosition,
    ) {
        let bound = Bound { side, position, inclusive: true };
        self.push_ids(sql, self.order, &[bound], (0, 1));
    }

    /// Appends the statement that counts the books that match the filter.
    pub(super) fn push_count(&self, sql: &mut Sql) {
        sql.push("SELECT count(*)");
        self.push_books(sql);
        self.filter.push_conditions(sql);
    }

    /// Appends the statement for the ids of `limit` books after the first `offset` books within these bounds.
    fn push_ids(
        &self,
        sql: &mut Sql,
        order: BookOrder,
        bounds: &[Bound<'_>],
        (offset, limit): (u64, u64),
    ) {
        let segments = order.segments(bounds);
        if let &[segment] = &*segments {
            sql.push("SELECT ").column(Column::Id);
            self.push_segment(sql, order, segment, bounds);
            order.push_order_of(sql, segment);
        } else {
            // Each part is read from its index up to the end of the page; the database sorts these few books.
            let columns = [Column::Id, Column::Rating];
            sql.push("SELECT ").column(Column::Id).push(" FROM (");
            sql.join(" UNION ALL ", segments, |sql, segment| {
                sql.push("SELECT ").columns(columns).push(" FROM (SELECT ").columns(columns);
                self.push_segment(sql, order, segment, bounds);
                order.push_order_of(sql, segment);
                sql.push(" LIMIT ").bind(offset + limit).push(") AS segment");
            });
            sql.push(") AS segments");
            order.push_order(sql);
        }
        sql.push(" LIMIT ").bind(limit).push(" OFFSET ").bind(offset);
    }

    /// Appends the books of a part of the list within these bounds, in no particular order.
    fn push_segment(
        &self,
        sql: &mut Sql,
        order: BookOrder,
        segment: Segment,
        bounds: &[Bound<'_>],
    ) {
        self.push_books(sql);
        self.filter.push_conditions(sql);
        order.push_range(sql, segment, bounds);
    }

    /// Appends the owner's books whose ids a statement returns.
    fn push_books_with_ids(&self, sql: &mut Sql, push_ids: impl FnOnce(&mut Sql)) {
        self.push_books(sql);
        sql.push(" AND ").column(Column::Id).push(" IN (");
        push_ids(sql);
        sql.push(")");
    }

    /// Appends all books of the owner: `FROM books WHERE owner_id = …`.
    fn push_books(&self, sql: &mut Sql) {
        sql.push(" FROM ").table(book::Entity);
        sql.push(" WHERE ").column(Column::OwnerId).push(" = ").bind(self.owner);
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
