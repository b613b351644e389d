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

/// A book as it is shown; what only order and search need stays in the database.
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

/// A book to be.
#[derive(Clone, Debug)]
pub(crate) struct NewBook {
    pub(crate) title: Title,
    pub(crate) author: Author,
    pub(crate) isbn: Option<Isbn>,
    pub(crate) rating: Option<Rating>,
    pub(crate) notes: Option<Notes>,
}

/// What became of a creation.
#[derive(Clone, Debug)]
pub(crate) enum Created {
    New(Book),
    /// The idempotency key was used before, for this book.
    Replayed(Book),
    /// The owner has a book with this ISBN; none if it went away in this very moment.
    DuplicateIsbn(Option<Book>),
}

/// What is to change: the outer `None` keeps, the inner one clears.
#[derive(Clone, Debug, Default)]
pub(crate) struct BookChanges {
    pub(crate) title: Option<Title>,
    pub(crate) author: Option<Author>,
    pub(crate) isbn: Option<Option<Isbn>>,
    pub(crate) rating: Option<Option<Rating>>,
    pub(crate) notes: Option<Option<Notes>>,
}

/// What became of an update.
#[derive(Clone, Debug)]
pub(crate) enum Updated {
    /// The book as it is now, changed or not.
    Done(Book),
    /// The owner has no such book.
    NotFound,
    /// The book has moved on from the expected version; nothing was written.
    VersionConflict(Book),
    /// The owner has another book with this ISBN; none if it went away in this very moment.
    DuplicateIsbn(Option<Book>),
}

/// Which books, in which order.
#[derive(Clone, Debug)]
pub(crate) struct BookList {
    pub(crate) owner: UserId,
    pub(crate) filter: BookFilter,
    pub(crate) order: BookOrder,
}

/// What is asked of a list besides its books with their ids, owners' ids, titles, authors and times of
/// creation. What is not wanted of a book is not read, and must not be shown: there is something in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BookProjection {
    /// ISBN, rating, version and the time of the last change.
    pub(crate) details: bool,
    /// What the owners wrote about the books, which may be long.
    pub(crate) notes: bool,
    /// The profile of the owner.
    pub(crate) owner: bool,
    /// How many books the list has.
    pub(crate) total: bool,
}

impl BookProjection {
    /// All of a book.
    const BOOK: Self = Self { details: true, notes: true, owner: false, total: false };

    /// The columns of [`BOOK_COLUMNS`] that are read.
    fn columns(self) -> impl Iterator<Item = Column> {
        BOOK_COLUMNS.into_iter().filter(move |column| match column {
            Column::Isbn | Column::Rating | Column::Version | Column::UpdatedAt => self.details,
            Column::Notes => self.notes,
            _ => true,
        })
    }
}

/// A part of a list.
#[derive(Debug)]
pub(crate) struct BookListPage {
    pub(crate) books: Page<Book>,
    /// If it was wanted, and there are books that could bring it along.
    pub(crate) owner: Option<Profile>,
    /// If it was wanted.
    pub(crate) total: Option<u64>,
}

/// A book in a list, and what else was asked for.
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
    /// Reads [`BookProjection::columns`], and behind them the owner and the total.
    fn read(row: &Row<'_>, wanted: BookProjection) -> Result<Self, QueryError> {
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
        if wanted.details {
            book.isbn = row.get(read)?;
            book.rating = row.get(read + 1)?;
            book.version = row.get(read + 2)?;
            book.updated_at = Timestamp::from_millis(row.get(read + 3)?);
            read += 4;
        }
        if wanted.notes {
            book.notes = row.get(read)?;
            read += 1;
        }
        if wanted.owner {
            listed.owner = Some(Profile::read(book.owner_id, row, read)?);
            read += PROFILE_COLUMNS_AFTER_ID.len();
        }
        if wanted.total {
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
    /// The book with this id, whoever owns it.
    pub(crate) async fn find(&self, id: BookId) -> Result<Option<Book>, StoreError> {
        let books = || select_books().filter(Column::Id.eq(id)).into_query();
        let sql = self.0.direct.known(StatementKey::Book, vec![id.into()], books);
        Ok(self.0.direct.read(sql).await?.pop())
    }

    /// The books with these ids, in no order, whoever owns them.
    pub(crate) async fn find_many(&self, ids: &[BookId]) -> Result<Vec<Book>, StoreError> {
        let books = select_books().filter(Column::Id.is_in(ids.iter().copied()));
        Ok(books.into_model().all(&self.0.reader).await?)
    }

    /// A slice of a list, and what is wanted beside it: of a whole library with one statement.
    pub(crate) async fn slice(
        &self,
        list: &BookList,
        slice: &PageRequest<KeysetPosition>,
        wanted: BookProjection,
    ) -> Result<BookListPage, StoreError> {
        // A book's place in the list is made of what the list is ordered by.
        let wanted =
            BookProjection { details: wanted.details || list.order.needs_details(), ..wanted };
        let direct = &self.0.direct;
        let (listed, total) = if list.filter.is_empty() {
            let sql = pages::sql(direct, list, slice, wanted);
            (direct.query_map(sql, |row| BookRow::read(row, wanted)).await?, None)
        } else {
            let of_book = BookProjection { total: false, ..wanted };
            let sql = direct.sql(&pages::select(list, slice, of_book).into_query());
            let books = through(&self.0.reader, sql, |row| BookRow::read(row, of_book));
            let total =
                async { if wanted.total { self.count(list).await.map(Some) } else { Ok(None) } };
            try_join!(books.err_into::<StoreError>(), total)?
        };
        let (mut owner, mut brought) = (None, None);
        let take = |listed: BookRow| {
            (owner, brought) = (listed.owner, listed.total);
            listed.book
        };
        let books = slice.collect(listed.into_iter().map(take).collect());
        let total = match total.or(brought.map(i64::unsigned_abs)) {
            // No book came along that could tell.
            None if wanted.total => Some(self.count(list).await?),
            known => known,
        };
        Ok(BookListPage { books, owner, total })
    }

    /// Whether the list has a book at this position or on this side of it.
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

    /// A numbered page of a list: `limit` books after the first `offset`.
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

    /// How many books the list has. A whole library is not counted: its size is kept with it.
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

/// The books, with their notes.
fn select_books() -> sea_orm::Select<Entity> {
    Entity::find().select_only().columns(BOOK_COLUMNS)
}

fn owned_by(owner: UserId) -> Condition {
    Condition::all().add(Column::OwnerId.eq(owner))
}

/// How many books a library has; no row where there never was one.
fn book_count(owner: UserId) -> SelectStatement {
    book_counts::Entity::find_by_id(owner)
        .select_only()
        .column(book_counts::Column::Count)
        .into_query()
}
