//! Books.

use sea_orm::sea_query::{BinOper, Expr, ExprTrait, Query, UpdateStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult,
    QueryFilter, QueryOrder, QuerySelect,
};

use super::Store;
use super::error::{StoreError, Unique};
use super::events::{BookChange, ChangeKind, Event};
use super::page::{End, Slice, Sliced};
use crate::clock::Timestamp;
use crate::entity::book::{ActiveModel, Column, Entity};
use crate::id::{BookId, UserId};
use crate::input::author::Author;
use crate::input::idempotency_key::IdempotencyKey;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::rating::Rating;
use crate::input::text::{fold, fold_for_index};
use crate::input::title::Title;

mod filter;
mod order;

pub(crate) use filter::BookFilter;
pub(crate) use order::{BookOrder, BookOrderField, Direction, Position, SortKey};

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
const SHOWN: [Column; 10] = [
    Column::Id,
    Column::OwnerId,
    Column::Title,
    Column::Author,
    Column::Isbn,
    Column::Rating,
    Column::Notes,
    Column::Version,
    Column::CreatedAt,
    Column::UpdatedAt,
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
    Repeated(Book),
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
        self.one(Condition::all().add(Column::Id.eq(id))).await
    }

    /// The books with these ids, in no order, whoever owns them.
    pub(crate) async fn find_many(&self, ids: &[BookId]) -> Result<Vec<Book>, StoreError> {
        let books = shown().filter(Column::Id.is_in(ids.iter().copied()));
        Ok(books.into_model().all(&self.0.reader).await?)
    }

    /// A slice of a list.
    pub(crate) async fn slice(
        &self,
        list: &BookList,
        slice: &Slice<Position>,
    ) -> Result<Sliced<Book>, StoreError> {
        let order = match slice.end {
            End::Start => list.order,
            End::Finish => list.order.reversed(),
        };
        let mut books = shown().filter(list.condition());
        for (side, position) in [(Side::After, &slice.after), (Side::Before, &slice.before)] {
            if let Some(position) = position {
                books = books.filter(list.order.beyond(side, position));
            }
        }
        let rows = books
            .order_by(order.key(), order.sql())
            .order_by(Column::Id, order.sql())
            .limit(slice.rows_to_ask() as u64)
            .into_model()
            .all(&self.0.reader)
            .await?;
        Ok(slice.collect(rows))
    }

    /// Whether the list has a book at this position or on this side of it.
    pub(crate) async fn any_from(
        &self,
        list: &BookList,
        side: Side,
        position: &Position,
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
        let books = shown()
            .filter(list.condition())
            .order_by(list.order.key(), list.order.sql())
            .order_by(Column::Id, list.order.sql())
            .offset(offset)
            .limit(limit);
        Ok(books.into_model().all(&self.0.reader).await?)
    }

    /// How many books the list has.
    pub(crate) async fn count(&self, list: &BookList) -> Result<u64, StoreError> {
        let count = Entity::find()
            .select_only()
            .column_as(Column::Id.count(), "books")
            .filter(list.condition())
            .into_tuple::<i64>()
            .one(&self.0.reader)
            .await?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }

    /// Adds a book.
    pub(crate) async fn create(
        &self,
        id: BookId,
        owner: UserId,
        new: NewBook,
        idempotency_key: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> Result<Created, StoreError> {
        let book = Book {
            id,
            owner_id: owner,
            title: new.title.as_str().to_owned(),
            author: new.author.as_str().to_owned(),
            isbn: new.isbn.as_ref().map(|isbn| isbn.as_str().to_owned()),
            rating: new.rating.map(Rating::get),
            notes: new.notes.as_ref().map(|notes| notes.as_str().to_owned()),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let row = ActiveModel {
            id: Set(id),
            owner_id: Set(owner),
            title: Set(book.title.clone()),
            title_key: Set(fold_for_index(&book.title)),
            author: Set(book.author.clone()),
            author_key: Set(fold_for_index(&book.author)),
            isbn: Set(book.isbn.clone()),
            rating: Set(book.rating),
            notes: Set(book.notes.clone()),
            notes_key: Set(book.notes.as_deref().map(fold)),
            idempotency_key: Set(idempotency_key.as_ref().map(|key| key.as_str().to_owned())),
            version: Set(book.version),
            created_at: Set(now),
            updated_at: Set(now),
        };
        let Err(error) = Entity::insert(row).exec_without_returning(&self.0.writer).await else {
            self.tell(owner, id, ChangeKind::Created).await;
            return Ok(Created::New(book));
        };
        let Some(broken) = Unique::broken_by(&error) else {
            return Err(error.into());
        };
        // A repeated creation repeats its ISBN too, and either rule may be the one reported.
        if let Some(key) = idempotency_key {
            let same_key = Column::IdempotencyKey.eq(key.as_str());
            if let Some(first) = self.one(owned_by(owner).add(same_key)).await? {
                return Ok(Created::Repeated(first));
            }
        }
        match (broken, new.isbn) {
            (Unique::BookIsbn, Some(isbn)) => {
                Ok(Created::DuplicateIsbn(self.find_by_isbn(owner, &isbn).await?))
            }
            _ => Err(error.into()),
        }
    }

    /// Changes a book in one statement, and only if something is different and the version, if one
    /// is expected, is the book's.
    pub(crate) async fn update(
        &self,
        owner: UserId,
        id: BookId,
        changes: BookChanges,
        expected_version: Option<i32>,
        now: Timestamp,
    ) -> Result<Updated, StoreError> {
        let isbn = changes.isbn.clone().flatten();
        if let Some(mut update) = update_of(changes) {
            update.value(Column::Version, Expr::col(Column::Version).add(1));
            update.value(Column::UpdatedAt, now);
            update.and_where(Column::Id.eq(id)).and_where(Column::OwnerId.eq(owner));
            if let Some(version) = expected_version {
                update.and_where(Column::Version.eq(version));
            }
            update.returning(Query::returning().columns(SHOWN));
            // All rows, though there is one at most: SQLite commits when the statement has run to its
            // end, and only then tells whether it could.
            match self.0.writer.query_all(&update).await.as_deref() {
                Ok([row, ..]) => {
                    let book = Book::from_query_result(row, "")?;
                    self.tell(owner, id, ChangeKind::Updated(book.version)).await;
                    return Ok(Updated::Done(book));
                }
                Ok([]) => {}
                Err(error) => {
                    return match (Unique::broken_by(error), isbn) {
                        (Some(Unique::BookIsbn), Some(isbn)) => {
                            Ok(Updated::DuplicateIsbn(self.find_by_isbn(owner, &isbn).await?))
                        }
                        _ => Err(error.clone().into()),
                    };
                }
            }
        }
        // Nothing was written. Why?
        match self.one(owned_by(owner).add(Column::Id.eq(id))).await? {
            None => Ok(Updated::NotFound),
            Some(book) if expected_version.is_some_and(|version| version != book.version) => {
                Ok(Updated::VersionConflict(book))
            }
            Some(book) => Ok(Updated::Done(book)),
        }
    }

    /// Removes a book; false if the owner has no such book.
    pub(crate) async fn delete(&self, owner: UserId, id: BookId) -> Result<bool, StoreError> {
        let it = owned_by(owner).add(Column::Id.eq(id));
        let deleted = Entity::delete_many().filter(it).exec(&self.0.writer).await?;
        if deleted.rows_affected > 0 {
            self.tell(owner, id, ChangeKind::Deleted).await;
        }
        Ok(deleted.rows_affected > 0)
    }

    /// The owner's book with this ISBN.
    pub(crate) async fn find_by_isbn(
        &self,
        owner: UserId,
        isbn: &Isbn,
    ) -> Result<Option<Book>, StoreError> {
        self.one(owned_by(owner).add(Column::Isbn.eq(isbn.as_str()))).await
    }

    async fn tell(&self, owner: UserId, book: BookId, kind: ChangeKind) {
        self.0.events.tell(&[Event::BookChanged(BookChange { owner, book, kind })]).await;
    }

    async fn one(&self, condition: Condition) -> Result<Option<Book>, StoreError> {
        Ok(shown().filter(condition).into_model().one(&self.0.reader).await?)
    }
}

/// A side of a position in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

fn shown() -> sea_orm::Select<Entity> {
    Entity::find().select_only().columns(SHOWN)
}

fn owned_by(owner: UserId) -> Condition {
    Condition::all().add(Column::OwnerId.eq(owner))
}

/// The statement that makes these changes where they are changes; none if there are none to make.
fn update_of(changes: BookChanges) -> Option<UpdateStatement> {
    let mut update = Query::update();
    update.table(Entity);
    let mut different = Vec::new();
    let mut set = |column: Column, value: sea_orm::Value, key: Option<(Column, sea_orm::Value)>| {
        let distinct = BinOper::Custom("IS DISTINCT FROM");
        different.push(Expr::col(column).binary(distinct, value.clone()));
        update.value(column, value);
        if let Some((column, value)) = key {
            update.value(column, value);
        }
    };
    if let Some(title) = changes.title {
        let key = (Column::TitleKey, fold_for_index(title.as_str()).into());
        set(Column::Title, title.as_str().into(), Some(key));
    }
    if let Some(author) = changes.author {
        let key = (Column::AuthorKey, fold_for_index(author.as_str()).into());
        set(Column::Author, author.as_str().into(), Some(key));
    }
    if let Some(isbn) = changes.isbn {
        set(Column::Isbn, isbn.map(|isbn| isbn.as_str().to_owned()).into(), None);
    }
    if let Some(rating) = changes.rating {
        set(Column::Rating, rating.map(Rating::get).into(), None);
    }
    if let Some(notes) = changes.notes {
        let key = (Column::NotesKey, notes.as_ref().map(|notes| fold(notes.as_str())).into());
        set(Column::Notes, notes.map(|notes| notes.as_str().to_owned()).into(), Some(key));
    }
    if different.is_empty() {
        return None;
    }
    update.cond_where(different.into_iter().fold(Condition::any(), Condition::add));
    Some(update)
}
