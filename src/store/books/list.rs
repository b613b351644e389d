//! Lists of books: owner, filter and order. The statements that read a part of a list are built here.

use sea_orm::DbBackend;
use uuid::Uuid;

use super::filter::BookFilter;
use super::model::{BookColumns, Column};
use super::order::{BookOrder, Bound, KeysetPosition, Relative, Segment};
use crate::entity::{book, user};
use crate::id::{BookId, UserId};
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

/// The name of the books that match the filter, in a statement that finds them once.
const MATCHING: &str = "matching";

/// What a part of a statement reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The table, with the conditions of the list.
    Table,
    /// The common table expression [`MATCHING`].
    Matching,
}

impl BookList {
    /// Whether the time to read a page at this offset depends on the size of the library.
    pub(crate) fn is_scanned_at(&self, offset: u64) -> bool {
        self.is_filtered() || Self::is_far(offset)
    }

    /// Whether skipping this many books of an unfiltered list is a scan.
    pub(super) fn is_far(offset: u64) -> bool {
        offset >= FAR_OFFSET
    }

    /// Whether a page with its total takes one statement. A search reads the texts of all books, so the page and the
    /// total are read at once. For all other filters two statements are faster: indexes have their columns.
    pub(super) fn is_counted_with_page(&self) -> bool {
        self.filter.search.is_some()
    }

    /// The same list, read backwards.
    pub(super) fn reversed(&self) -> Self {
        Self { order: self.order.reversed(), ..self.clone() }
    }

    /// Whether the list has conditions. If not, it is the whole library.
    pub(crate) fn is_filtered(&self) -> bool {
        !self.filter.is_empty()
    }

    /// Appends the statement for a page: the columns of each book, then the total and the owner's profile if
    /// selected, in query order (see [`PageRequest::collect`]). The total can be selected if the list is unfiltered or
    /// [`Self::is_counted_with_page`].
    pub(super) fn push_page(
        &self,
        sql: &mut Sql,
        page: &PageRequest<KeysetPosition>,
        selection: PageSelection,
    ) {
        let counted = selection.total && self.is_filtered();
        if counted {
            self.push_matching(sql);
        }
        sql.push("SELECT ").columns(selection.columns.to_select());
        if selection.total {
            self.push_total(sql, counted);
        }
        if selection.owner {
            let owner = sql.add_value(self.owner);
            sql.push(", ").join(", ", Profile::COLUMNS, |sql, column| {
                if matches!(column, user::Column::Id) {
                    sql.column(Column::OwnerId);
                } else {
                    sql.push("(SELECT ").column(*column).push(" FROM ").table(user::Entity);
                    sql.push(" WHERE ").column(user::Column::Id).push(" = ").placeholder(owner);
                    sql.push(")");
                }
                // A unique alias: otherwise the column in ORDER BY would be ambiguous.
                sql.push(" AS profile_").column(*column);
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
        match *order.segments(&bounds) {
            [segment] if !counted => {
                self.push_segment(sql, Source::Table, order, segment, &bounds);
                order.push_order_of(sql, segment);
                sql.push(" LIMIT ").bind(limit);
            }
            _ => {
                let from = if counted { Source::Matching } else { Source::Table };
                let range = (0, limit);
                self.push_books_with_ids(sql, |sql| {
                    self.push_ids(sql, from, order, &bounds, range);
                });
                order.push_order(sql);
            }
        }
    }

    /// Appends the statement for a page by offset: the columns of each of `limit` books after the first `offset`
    /// books, then the total if selected (see [`Self::push_page`]). Only the keys of the books before the page are
    /// read, which an index has.
    pub(super) fn push_page_at(
        &self,
        sql: &mut Sql,
        (offset, limit): (u64, u64),
        columns: BookColumns,
        total: bool,
    ) {
        if total {
            self.push_matching(sql);
        }
        sql.push("SELECT ").columns(columns.to_select());
        if total {
            self.push_total(sql, true);
        }
        let order = self.order;
        match *order.segments(&[]) {
            [segment] if !total => {
                self.push_segment(sql, Source::Table, order, segment, &[]);
                // From the first book of the page on. In contrast to a set of ids, this leaves the planner no choice but
                // the index of the order.
                order.push_from_row(sql, segment, |sql| {
                    self.push_segment(sql, Source::Table, order, segment, &[]);
                    order.push_order_of(sql, segment);
                    sql.push(" LIMIT 1 OFFSET ").bind(offset);
                });
                order.push_order_of(sql, segment);
                sql.push(" LIMIT ").bind(limit);
            }
            _ => {
                let from = if total { Source::Matching } else { Source::Table };
                let range = (offset, limit);
                self.push_books_with_ids(sql, |sql| {
                    self.push_ids(sql, from, order, &[], range);
                });
                order.push_order(sql);
            }
        }
    }

    /// Appends the statement that returns a row if the list has a book at this position or on this side of it.
    pub(super) fn push_exists_from(
        &self,
        sql: &mut Sql,
        side: Relative,
        position: &KeysetPosition,
    ) {
        let bound = Bound { side, position, inclusive: true };
        self.push_ids(sql, Source::Table, self.order, &[bound], (0, 1));
    }

    /// Appends the statement that counts the books that match the filter.
    pub(super) fn push_count(&self, sql: &mut Sql) {
        sql.push("SELECT count(*)");
        self.push_filtered(sql);
    }

    /// Appends the common table expression [`MATCHING`]: ids and sort keys of all books that match the filter.
    fn push_matching(&self, sql: &mut Sql) {
        let columns = [Some(Column::Id), self.order.sort_column()];
        sql.push("WITH ").push(MATCHING).push(" AS MATERIALIZED (SELECT ");
        sql.columns(columns.into_iter().flatten());
        self.push_filtered(sql);
        sql.push(") ");
    }

    /// Appends `, (…)`, the number of books that match the filter.
    fn push_total(&self, sql: &mut Sql, counted: bool) {
        sql.push(", (");
        if counted {
            sql.push("SELECT count(*) FROM ").push(MATCHING);
        } else {
            quota::push_book_count(sql, self.owner);
        }
        sql.push(")");
    }

    /// Appends all books that match the filter, in the order in which they are read fastest.
    fn push_filtered(&self, sql: &mut Sql) {
        self.push_books(sql);
        if self.filter.search.is_some() && sql.backend() == DbBackend::Sqlite {
            // True for all ids. With it SQLite prefers the primary key, whose order is about that of the table, to
            // an index with another order.
            sql.push(" AND ").column(Column::Id).push(" >= ").bind(BookId::from(Uuid::nil()));
        }
        self.filter.push_conditions(sql);
    }

    /// Appends the statement for the ids of `limit` books after the first `offset` books within these bounds.
    fn push_ids(
        &self,
        sql: &mut Sql,
        from: Source,
        order: BookOrder,
        bounds: &[Bound<'_>],
        (offset, limit): (u64, u64),
    ) {
        let segments = order.segments(bounds);
        if segments.is_empty() {
            // The bounds exclude each other.
            sql.push("SELECT ").column(Column::Id);
            self.push_books(sql);
            sql.push(" AND false");
        } else if let &[segment] = &*segments {
            sql.push("SELECT ").column(Column::Id);
            self.push_segment(sql, from, order, segment, bounds);
            order.push_order_of(sql, segment);
        } else {
            // Each part is read from its index up to the end of the page; the database sorts these few books.
            let columns = [Column::Id, Column::Rating];
            sql.push("SELECT ").column(Column::Id).push(" FROM (");
            sql.join(" UNION ALL ", segments, |sql, segment| {
                sql.push("SELECT ").columns(columns).push(" FROM (SELECT ").columns(columns);
                self.push_segment(sql, from, order, segment, bounds);
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
        from: Source,
        order: BookOrder,
        segment: Segment,
        bounds: &[Bound<'_>],
    ) {
        match from {
            Source::Table => {
                self.push_books(sql);
                self.filter.push_conditions(sql);
            }
            Source::Matching => {
                sql.push(" FROM ").push(MATCHING).push(" WHERE true");
            }
        }
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
    let mut sql = Sql::new(DbBackend::Sqlite);
    list.push_page(&mut sql, &page, selection);
    sql.text().to_owned()
}
