//! Reading books.

use std::sync::Arc;

use sea_orm::{DbBackend, Value};
use tokio::try_join;

use super::list::{BookList, PageSelection};
use super::model::{Book, BookColumns, Column};
use super::order::{KeysetPosition, Relative};
use crate::byte_counter::ByteCounter;
use crate::entity::book::Entity;
use crate::id::{BookId, UserId};
use crate::input::isbn::Isbn;
use crate::store::Store;
use crate::store::db::row::{FromRow, RowReader};
use crate::store::db::sql::Sql;
use crate::store::error::{QueryError, StoreError};
use crate::store::page::{Page, PageRequest};
use crate::store::quota;
use crate::store::scans::OperationScans;
use crate::store::users::Profile;

/// A page of a list.
#[derive(Debug)]
pub(crate) struct BookListPage {
    pub(crate) books: Page<Book>,
    /// `None` if not selected, or if the page is empty: the owner is read with the books.
    pub(crate) owner: Option<Profile>,
    /// `None` if not selected.
    pub(crate) total: Option<u64>,
}

/// The statements about books.
#[derive(Debug)]
pub(crate) struct Books<'a>(pub(super) &'a Store);

impl Store {
    pub(crate) fn books(&self) -> Books<'_> {
        Books(self)
    }
}

impl Books<'_> {
    /// The owner's book with this id.
    pub(crate) async fn find(&self, owner: UserId, id: BookId) -> Result<Option<Book>, StoreError> {
        self.find_by(owner, Column::Id, id).await
    }

    /// The selected columns of the owner's books with these ids, in no particular order. Their text is added to `read`.
    pub(crate) async fn find_many(
        &self,
        owner: UserId,
        ids: &[BookId],
        columns: BookColumns,
        read: &ByteCounter,
    ) -> Result<Vec<Book>, StoreError> {
        let sql = match ids {
            [id] => {
                let mut sql = self.select_of(owner, columns);
                sql.column(Column::Id).push(" = ").bind(*id);
                sql
            }
            ids => self.select_each(owner, columns.to_select(), KeyColumn::Id, ids),
        };
        let read_row = |row: &mut RowReader<'_>| read_counted(row, columns, read);
        Ok(self.0.db.read_with(sql, read_row).await?)
    }

    /// A page of a list with the selected data. An unfiltered list usually takes one statement. The text of the
    /// books is added to `read`.
    pub(crate) async fn page(
        &self,
        scans: &OperationScans,
        list: &BookList,
        page: &PageRequest<KeysetPosition>,
        selection: PageSelection,
        read: &Arc<ByteCounter>,
    ) -> Result<BookListPage, StoreError> {
        // The position of a book contains the value that the list is sorted by.
        let columns = match list.order.column() {
            Some(column) => selection.columns.with(column),
            None => selection.columns,
        };
        let (filtered, wants_total) = (list.is_filtered(), selection.total);
        // Otherwise the total is counted by a second statement, a scan.
        let counted = wants_total && (!filtered || list.is_counted_with_page());
        let selection = PageSelection { columns, total: counted, ..selection };
        // Each row has the same total and the same owner: they are read from the first row.
        let (mut first, read) = (true, Arc::clone(read));
        let read_row = move |row: &mut RowReader<'_>| {
            let book = read_counted(row, columns, &read)?;
            let mut of_list = None;
            if std::mem::take(&mut first) {
                let total = selection.total.then(|| row.read::<Option<i64>>()).transpose()?;
                let owner = selection.owner.then(|| Profile::from_row(row)).transpose()?;
                of_list = Some((total.flatten(), owner));
            }
            Ok((book, of_list))
        };
        let mut sql = self.0.db.sql();
        list.push_page(&mut sql, page, selection);
        let (mut rows, matching) = match (filtered, wants_total && !counted) {
            (false, _) => (self.0.db.read_with(sql, read_row).await?, None),
            (true, false) => (self.scan(scans, list.owner, sql, read_row).await?, None),
            (true, true) => {
                let rows = self.scan(scans, list.owner, sql, read_row);
                let (rows, matching) = try_join!(rows, self.count(scans, list))?;
                (rows, Some(matching))
            }
        };
        let (total, owner) =
            rows.first_mut().and_then(|(_, of_list)| of_list.take()).unwrap_or_default();
        let total = match matching.or(total.map(quota::to_count)) {
            // No row contains the total: the page is empty, or the statement was repeated after its first row.
            None if wants_total
                && rows.is_empty()
                && page.after.is_none()
                && page.before.is_none() =>
            {
                Some(0)
            }
            None if wants_total => Some(self.count(scans, list).await?),
            total => total,
        };
        let rows = rows.into_iter().map(|(book, _)| book).collect();
        Ok(BookListPage { books: page.collect(rows), owner, total })
    }

    /// Whether the list has a book at this position, or on this side of it.
    pub(crate) async fn exists_from(
        &self,
        scans: &OperationScans,
        list: &BookList,
        side: Relative,
        position: &KeysetPosition,
    ) -> Result<bool, StoreError> {
        let mut sql = self.0.db.sql();
        list.push_exists_from(&mut sql, side, position);
        let found = match list.is_filtered() {
            true => self.scan(scans, list.owner, sql, BookId::from_row).await?,
            false => self.0.db.read::<BookId>(sql).await?,
        };
        Ok(!found.is_empty())
    }

    /// A page by offset: `limit` books after the first `offset` books, with these columns, and the number of books in
    /// the list if `total`. The text of the books is added to `read`.
    pub(crate) async fn page_at(
        &self,
        scans: &OperationScans,
        list: &BookList,
        range: (u64, u64),
        columns: BookColumns,
        total: bool,
        read: &Arc<ByteCounter>,
    ) -> Result<(Vec<Book>, Option<u64>), StoreError> {
        if total && list.is_counted_with_page() {
            return self.counted_page_at(scans, list, range, columns, read).await;
        }
        let rows = async {
            if !list.is_filtered() && BookList::is_far(range.0) {
                return self.far_page(scans, list, range, columns, read).await;
            }
            let mut sql = self.0.db.sql();
            list.push_page_at(&mut sql, range, columns, false);
            let read = Arc::clone(read);
            let read_row = move |row: &mut RowReader<'_>| read_counted(row, columns, &read);
            match list.is_filtered() {
                true => self.scan(scans, list.owner, sql, read_row).await,
                false => Ok(self.0.db.read_with(sql, read_row).await?),
            }
        };
        Ok(match total {
            true => {
                let (rows, total) = try_join!(rows, self.count(scans, list))?;
                (rows, Some(total))
            }
            false => (rows.await?, None),
        })
    }

    /// A page by offset and the total, by one statement.
    async fn counted_page_at(
        &self,
        scans: &OperationScans,
        list: &BookList,
        range: (u64, u64),
        columns: BookColumns,
        read: &Arc<ByteCounter>,
    ) -> Result<(Vec<Book>, Option<u64>), StoreError> {
        let mut sql = self.0.db.sql();
        list.push_page_at(&mut sql, range, columns, true);
        let read = Arc::clone(read);
        let rows = self.scan(scans, list.owner, sql, move |row| {
            Ok((read_counted(row, columns, &read)?, row.read::<i64>()?))
        });
        let rows = rows.await?;
        let total = match rows.first() {
            Some((_, total)) => quota::to_count(*total),
            None if range.0 == 0 => 0,
            None => self.count(scans, list).await?,
        };
        Ok((rows.into_iter().map(|(book, _)| book).collect(), Some(total)))
    }

    /// A page of a whole library after many books. The books between it and the nearer end of the list are skipped.
    async fn far_page(
        &self,
        scans: &OperationScans,
        list: &BookList,
        (offset, limit): (u64, u64),
        columns: BookColumns,
        read: &Arc<ByteCounter>,
    ) -> Result<Vec<Book>, StoreError> {
        let from_end = self.0.book_count(list.owner).await?.saturating_sub(offset);
        let backwards = from_end < offset;
        let (list, (offset, limit)) = match backwards {
            true => (list.reversed(), (from_end.saturating_sub(limit), limit.min(from_end))),
            false => (list.clone(), (offset, limit)),
        };
        let mut sql = self.0.db.sql();
        list.push_page_at(&mut sql, (offset, limit), columns, false);
        let read = Arc::clone(read);
        let read_row = move |row: &mut RowReader<'_>| read_counted(row, columns, &read);
        let mut rows = match BookList::is_far(offset) {
            true => self.scan(scans, list.owner, sql, read_row).await?,
            false => self.0.db.read_with(sql, read_row).await?,
        };
        if backwards {
            rows.reverse();
        }
        Ok(rows)
    }

    /// The number of books in the list. For an unfiltered list it is read from `libraries`.
    pub(crate) async fn count(
        &self,
        scans: &OperationScans,
        list: &BookList,
    ) -> Result<u64, StoreError> {
        if !list.is_filtered() {
            return self.0.book_count(list.owner).await;
        }
        let mut sql = self.0.db.sql();
        list.push_count(&mut sql);
        let count = self.scan(scans, list.owner, sql, i64::from_row).await?.pop();
        Ok(quota::to_count(count.unwrap_or(0)))
    }

    /// Runs a statement whose time depends on the size of the library, as a scan of the operation.
    pub(super) async fn scan<T: Send + 'static>(
        &self,
        scans: &OperationScans,
        owner: UserId,
        sql: Sql,
        read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<Vec<T>, StoreError> {
        // Boxed: see `Connection::query` of PostgreSQL.
        Box::pin(async move {
            let permit = scans.permit(owner).await?;
            Ok(self.0.db.scan(permit, sql, read_row).await?)
        })
        .await
    }

    /// The owner's book with this ISBN.
    pub(crate) async fn find_by_isbn(
        &self,
        owner: UserId,
        isbn: &Isbn,
    ) -> Result<Option<Book>, StoreError> {
        self.find_by(owner, Column::Isbn, isbn.clone()).await
    }

    /// The owner's book with this value in a column that is unique in a library.
    pub(super) async fn find_by(
        &self,
        owner: UserId,
        column: Column,
        value: impl Into<Value>,
    ) -> Result<Option<Book>, StoreError> {
        let mut sql = self.select_of(owner, BookColumns::all());
        sql.column(column).push(" = ").bind(value);
        Ok(self.0.db.read_one(sql).await?)
    }

    /// The statement that reads these columns of the owner's books with one of these values, which are all different.
    pub(super) fn select_each<V: Into<Value> + Clone>(
        &self,
        owner: UserId,
        selected: impl IntoIterator<Item = Column>,
        key: KeyColumn,
        values: &[V],
    ) -> Sql {
        let mut sql = self.0.db.sql();
        let (is_postgres, column) = (sql.backend() == DbBackend::Postgres, key.column());
        if is_postgres {
            // One index scan for each value. With `IN`, all books of the library would be compared, if reading a library
            // of average size took less time than these scans. `OFFSET 0` prevents that PostgreSQL joins the other way round.
            sql.push("SELECT book.* FROM unnest(CAST(ARRAY[");
            sql.join(", ", values, |sql, value| {
                sql.bind(value.clone());
            });
            sql.push("] AS ")
                .push(key.postgres_type())
                .push("[])) AS key(value) CROSS JOIN LATERAL (");
        }
        sql.push("SELECT ").columns(selected).push(" FROM ").table(Entity);
        if !is_postgres && let Some(index) = key.sqlite_index() {
            sql.push(" INDEXED BY ").push(index);
        }
        sql.push(" WHERE ").column(Column::OwnerId).push(" = ").bind(owner);
        sql.push(" AND ").column(column);
        if is_postgres {
            sql.push(" = key.value OFFSET 0) AS book");
        } else {
            // Filled up, so that the cache of prepared statements has few different ones.
            let filled = values.iter().cycle().take(values.len().next_power_of_two());
            sql.push(" IN (").join(", ", filled, |sql, value| {
                sql.bind(value.clone());
            });
            sql.push(")");
        }
        sql
    }

    /// Begins a statement that reads books: `SELECT … FROM books WHERE owner_id = … AND `.
    pub(super) fn select_of(&self, owner: UserId, columns: BookColumns) -> Sql {
        let mut sql = self.0.db.sql();
        sql.push("SELECT ").columns(columns.to_select());
        sql.push(" FROM ").table(Entity).push(" WHERE ");
        sql.column(Column::OwnerId).push(" = ").bind(owner).push(" AND ");
        sql
    }
}

/// A column that an index has after the owner.
#[derive(Clone, Copy, Debug)]
pub(super) enum KeyColumn {
    Id,
    Isbn,
    Title,
}

impl KeyColumn {
    fn column(self) -> Column {
        match self {
            Self::Id => Column::Id,
            Self::Isbn => Column::Isbn,
            Self::Title => Column::TitleFolded,
        }
    }

    fn postgres_type(self) -> &'static str {
        match self {
            Self::Id => "uuid",
            Self::Isbn | Self::Title => "text",
        }
    }

    /// The index to use; `None` if SQLite chooses it by itself.
    fn sqlite_index(self) -> Option<&'static str> {
        match self {
            Self::Id | Self::Isbn => None,
            Self::Title => Some("books_by_title"),
        }
    }
}

/// Reads a book and adds its text to `read`. An error if the limit is passed.
fn read_counted(
    row: &mut RowReader<'_>,
    columns: BookColumns,
    read: &ByteCounter,
) -> Result<Book, QueryError> {
    let book = Book::read(row, columns)?;
    read.add(row.text_bytes())?;
    Ok(book)
}

/// A book of which all columns were selected.
impl FromRow for Book {
    fn from_row(row: &mut RowReader<'_>) -> Result<Self, QueryError> {
        Self::read(row, BookColumns::all())
    }
}
