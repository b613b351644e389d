//! Books.

use futures_util::TryFutureExt;
use sea_orm::sea_query::SelectStatement;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use tokio::try_join;
use uuid::Uuid;

use super::Store;
use super::error::{QueryError, StoreError};
use super::fast_path::{FromRow, Row, StatementKey, through};
use super::page::{Page, PageRequest};
use super::users::{PROFILE_COLUMNS_AFTER_ID, Profile};
use crate::clock::Timestamp;
use crate::entity::book::{Column, Entity};
use crate::entity::book_count as book_counts;
use crate::id::{BookId, UserId};
use crate::input::author::Author;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::rating::Rating;
use crate::input::title::Title;

mod filter;
mod order;
mod pages;
mod write;

pub(crate) use filter::BookFilter;
pub(crate) use order::{BookOrder, BookOrderField, Direction, KeysetPosition, SortKey};
pub(super) use pages::PageStatementKey;
#[cfg(feature = "benchmarks")]
pub(crate) use pages::statement_of_first_page;
pub(super) use write::UpdateStatementKey;

/// A book without the columns that only sorting and search use.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Book {
    pub(crate) id: BookId,
    pub(crate) owner_id: UserId,
    pub(crate) title: String,
    pub(crate) author: String,
    pub(crate) isbn: Option<String>,
    pub(crate) rating: Option<i16>,
    pub(crate) notes: Option<String>,
    pub(crate) version: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// The columns of [`Book`].
const BOOK_COLUMNS: [Column; 10] = [
    Column::Id,
    Column::OwnerId,
    Column::Title,
    Column::Author,
    Column::CreatedAt,
    Column::Isbn,
    Column::Rating,
    Column::Version,
    Column::UpdatedAt,
    Column::Notes,
];

/// The values of a book to insert.
#[derive(Clone, Debug)]
pub(crate) struct NewBook {
    pub(crate) title: Title,
    pub(crate) author: Author,
    pub(crate) isbn: Option<Isbn>,
    pub(crate) rating: Option<Rating>,
    pub(crate) notes: Option<Notes>,
}

/// The result of creating a book.
#[derive(Clone, Debug)]
pub(crate) enum Created {
    New(Book),
    /// This book was created earlier with the same idempotency key.
    Replayed(Book),
    /// The owner has a book with this ISBN; `None` if it has just been deleted concurrently.
    DuplicateIsbn(Option<Book>),
}

/// The changes of an update: the outer `None` keeps a value, the inner one clears it.
#[derive(Clone, Debug, Default)]
pub(crate) struct BookChanges {
    pub(crate) title: Option<Title>,
    pub(crate) author: Option<Author>,
    pub(crate) isbn: Option<Option<Isbn>>,
    pub(crate) rating: Option<Option<Rating>>,
    pub(crate) notes: Option<Option<Notes>>,
}

/// The result of an update.
#[derive(Clone, Debug)]
pub(crate) enum Updated {
    /// The current book, whether the update changed it or not.
    Done(Book),
    /// The owner has no such book.
    NotFound,
    /// The version of the book is not the expected one; nothing was written.
    VersionConflict(Book),
    /// The owner has another book with this ISBN; `None` if it has just been deleted concurrently.
    DuplicateIsbn(Option<Book>),
}

/// A list of books: owner, filter and order.
#[derive(Clone, Debug)]
pub(crate) struct BookList {
    pub(crate) owner: UserId,
    pub(crate) filter: BookFilter,
    pub(crate) order: BookOrder,
}

/// The data to read for a list, besides the id, owner's id, title, author and creation time of each book.
/// Fields of a book that are not selected contain placeholders and must not be returned to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BookProjection {
    /// ISBN, rating, version and time of the last change.
    pub(crate) details: bool,
    /// The notes, which may be long.
    pub(crate) notes: bool,
    /// The profile of the owner.
    pub(crate) owner: bool,
    /// How many books the list has.
    pub(crate) total: bool,
}

impl BookProjection {
    /// All fields of a book.
    const BOOK: Self = Self { details: true, notes: true, owner: false, total: false };

    /// The selected columns of [`BOOK_COLUMNS`].
    fn columns(self) -> impl Iterator<Item = Column> {
        BOOK_COLUMNS.into_iter().filter(move |column| match column {
            Column::Isbn | Column::Rating | Column::Version | Column::UpdatedAt => self.details,
            Column::Notes => self.notes,
            _ => true,
        })
    }
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct BookListPage {
    pub(crate) books: Page<Book>,
    /// `None` if not selected, or if the page is empty: the owner is read with the books.
    pub(crate) owner: Option<Profile>,
    /// `None` if not selected.
    pub(crate) total: Option<u64>,
}

/// A row of a list: a book, and the owner and total if selected.
struct BookRow {
    book: Book,
    owner: Option<Profile>,
    total: Option<i64>,
}

impl FromRow for Book {
    fn from_row(row: &Row<'_>) -> Result<Self, QueryError> {
        Ok(BookRow::read(row, BookProjection::BOOK)?.book)
    }
}

impl BookRow {
    /// Reads [`BookProjection::columns`], followed by the owner and the total.
    fn read(row: &Row<'_>, selected: BookProjection) -> Result<Self, QueryError> {
        let created_at = Timestamp::from_millis(row.get(4)?);
        let mut listed = Self {
            book: Book {
                id: row.get::<Uuid>(0)?.into(),
                owner_id: row.get::<Uuid>(1)?.into(),
                title: row.get(2)?,
                author: row.get(3)?,
                isbn: None,
                rating: None,
                notes: None,
                version: 0,
                created_at,
                updated_at: created_at,
            },
            owner: None,
            total: None,
        };
        let (book, mut read) = (&mut listed.book, 5);
        if selected.details {
            book.isbn = row.get(read)?;
            book.rating = row.get(read + 1)?;
            book.version = row.get(read + 2)?;
            book.updated_at = Timestamp::from_millis(row.get(read + 3)?);
            read += 4;
        }
        if selected.notes {
            book.notes = row.get(read)?;
            read += 1;
        }
        if selected.owner {
            listed.owner = Some(Profile::read(book.owner_id, row, read)?);
            read += PROFILE_COLUMNS_AFTER_ID.len();
        }
        if selected.total {
            listed.total = row.get(read)?;
        }
        Ok(listed)
    }
}

impl BookList {
    fn condition(&self) -> Condition {
        self.filter.condition().add(Column::OwnerId.eq(self.owner))
    }
}

/// The statements about books.
#[derive(Debug)]
pub(crate) struct Books<'a>(&'a Store);

impl Store {
    pub(crate) fn books(&self) -> Books<'_> {
        Books(self)
    }
}

impl Books<'_> {
    /// The book with this id, of any owner.
    pub(crate) async fn find(&self, id: BookId) -> Result<Option<Book>, StoreError> {
        let books = || select_books().filter(Column::Id.eq(id)).into_query();
        let sql = self.0.direct.known(StatementKey::Book, vec![id.into()], books);
        Ok(self.0.direct.read(sql).await?.pop())
    }

    /// The books with these ids, of any owner, in no particular order.
    pub(crate) async fn find_many(&self, ids: &[BookId]) -> Result<Vec<Book>, StoreError> {
        let books = select_books().filter(Column::Id.is_in(ids.iter().copied()));
        Ok(books.into_model().all(&self.0.reader).await?)
    }

    /// A page of a list with the selected data. An unfiltered list usually takes one statement.
    pub(crate) async fn slice(
        &self,
        list: &BookList,
        slice: &PageRequest<KeysetPosition>,
        selected: BookProjection,
    ) -> Result<BookListPage, StoreError> {
        // The position of a book contains the value that the list is sorted by.
        let selected =
            BookProjection { details: selected.details || list.order.needs_details(), ..selected };
        let direct = &self.0.direct;
        let (listed, total) = if list.filter.is_empty() {
            let sql = pages::sql(direct, list, slice, selected);
            (direct.query_map(sql, |row| BookRow::read(row, selected)).await?, None)
        } else {
            let without_total = BookProjection { total: false, ..selected };
            let sql = direct.sql(&pages::select(list, slice, without_total).into_query());
            let books = through(&self.0.reader, sql, |row| BookRow::read(row, without_total));
            let total =
                async { if selected.total { self.count(list).await.map(Some) } else { Ok(None) } };
            try_join!(books.err_into::<StoreError>(), total)?
        };
        let (mut owner, mut read_total) = (None, None);
        let take = |listed: BookRow| {
            (owner, read_total) = (listed.owner, listed.total);
            listed.book
        };
        let books = slice.collect(listed.into_iter().map(take).collect());
        let total = match total.or(read_total.map(i64::unsigned_abs)) {
            // The page is empty, so no row contains the total.
            None if selected.total => Some(self.count(list).await?),
            known => known,
        };
        Ok(BookListPage { books, owner, total })
    }

    /// Whether the list has a book at this position, or on this side of it.
    pub(crate) async fn exists_from(
        &self,
        list: &BookList,
        side: Relative,
        position: &KeysetPosition,
    ) -> Result<bool, StoreError> {
        let found = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(list.condition())
            .filter(list.order.from(side, position))
            .limit(1)
            .into_tuple::<BookId>()
            .one(&self.0.reader)
            .await?;
        Ok(found.is_some())
    }

    /// A page by offset: `limit` books after the first `offset` books.
    pub(crate) async fn page(
        &self,
        list: &BookList,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<Book>, StoreError> {
        let books = select_books()
            .filter(list.condition())
            .order_by(list.order.key(), list.order.sql())
            .order_by(Column::Id, list.order.sql())
            .offset(offset)
            .limit(limit);
        Ok(books.into_model().all(&self.0.reader).await?)
    }

    /// The number of books in the list. For an unfiltered list it is read from `book_counts`.
    pub(crate) async fn count(&self, list: &BookList) -> Result<u64, StoreError> {
        let count = if list.filter.is_empty() {
            let size = || book_count(list.owner);
            let sql = self.0.direct.known(StatementKey::LibrarySize, vec![list.owner.into()], size);
            self.0.direct.read::<i64>(sql).await?.pop()
        } else {
            Entity::find()
                .select_only()
                .column_as(Column::Id.count(), "books")
                .filter(list.condition())
                .into_tuple::<i64>()
                .one(&self.0.reader)
                .await?
        };
        Ok(count.unwrap_or(0).unsigned_abs())
    }

    /// The owner's book with this ISBN.
    pub(crate) async fn find_by_isbn(
        &self,
        owner: UserId,
        isbn: &Isbn,
    ) -> Result<Option<Book>, StoreError> {
        self.one(owned_by(owner).add(Column::Isbn.eq(isbn.as_str()))).await
    }

    async fn one(&self, condition: Condition) -> Result<Option<Book>, StoreError> {
        let sql = self.0.direct.sql(&select_books().filter(condition).into_query());
        Ok(self.0.direct.read(sql).await?.pop())
    }
}

/// A side of a position in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relative {
    Before,
    After,
}

/// Selects all columns of [`Book`].
fn select_books() -> sea_orm::Select<Entity> {
    Entity::find().select_only().columns(BOOK_COLUMNS)
}

fn owned_by(owner: UserId) -> Condition {
    Condition::all().add(Column::OwnerId.eq(owner))
}

/// Selects the number of books in a library; no row if the library never had a book.
fn book_count(owner: UserId) -> SelectStatement {
    book_counts::Entity::find_by_id(owner)
        .select_only()
        .column(book_counts::Column::Count)
        .into_query()
}
