//! The covers of books. Their files are not in the database.

use sea_orm::sea_query::{Expr, ExprTrait, LockType, OnConflict};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait,
    QueryFilter, QuerySelect,
};

use super::Store;
use super::books::Book;
use super::db::row::row;
use super::error::StoreError;
use super::events::{BookChange, ChangeKind, Event};
use super::quota::{ExceededQuota, kibibytes};
use crate::clock::Timestamp;
use crate::entity::book_cover::{ActiveModel, Column, Entity};
use crate::entity::{book, book_cover, library};
use crate::id::{BookId, UserId};

pub(crate) use crate::entity::book_cover::Model as NewCover;

row! {
    /// The cover of a book.
    pub(crate) struct Cover from book_cover {
        owner_id: UserId = OwnerId,
        book_id: BookId = BookId,
        key: String = Key,
        width: i32 = Width,
        height: i32 = Height,
    }
}

/// The result of setting or removing a cover.
#[derive(Clone, Debug)]
pub(crate) enum CoverOutcome {
    /// The current book.
    Done(Box<Book>),
    /// The owner has no such book; nothing was written.
    NotFound,
    /// The account has no space for a larger cover; nothing was written.
    QuotaExceeded(ExceededQuota),
}

/// The statements about covers.
#[derive(Debug)]
pub(crate) struct Covers<'a>(pub(super) &'a Store);

impl Store {
    pub(crate) fn covers(&self) -> Covers<'_> {
        Covers(self)
    }
}

impl Covers<'_> {
    /// The covers of the owner's books with these ids, in no particular order.
    pub(crate) async fn find_many(
        &self,
        owner: UserId,
        books: &[BookId],
    ) -> Result<Vec<Cover>, StoreError> {
        let mut sql = self.0.db.sql();
        sql.push("SELECT ").columns(Cover::COLUMNS.iter().copied()).push(" FROM ").table(Entity);
        sql.push(" WHERE ").column(Column::OwnerId).push(" = ").bind(owner);
        sql.push(" AND ").column(Column::BookId).push(" IN (");
        sql.join(", ", books, |sql, book| {
            sql.bind(*book);
        });
        sql.push(")");
        Ok(self.0.db.read(sql).await?)
    }

    /// Sets the cover of a book, whose files are stored already. A trigger queues the files of the cover before it for
    /// removal. The cover counts as a change of the book, and its size as that of the book.
    pub(crate) async fn set(
        &self,
        cover: NewCover,
        now: Timestamp,
    ) -> Result<CoverOutcome, StoreError> {
        let (owner, book) = (cover.owner_id, cover.book_id);
        let transaction = self.0.db.begin().await?;
        let Some(locked) = lock_book(&*transaction, owner, book).await? else {
            return Ok(CoverOutcome::NotFound);
        };
        let growth = cover.bytes - stored_bytes(&*transaction, owner, book).await?.unwrap_or(0);
        if growth > 0 && self.0.has_no_space(owner).await? {
            return Ok(CoverOutcome::QuotaExceeded(ExceededQuota::Bytes));
        }
        change_book(&*transaction, (owner, book), locked, growth, now).await?;
        let replace = OnConflict::columns([Column::OwnerId, Column::BookId])
            .update_columns([Column::Key, Column::Width, Column::Height, Column::Bytes])
            .to_owned();
        Entity::insert(ActiveModel::from(cover).reset_all())
            .on_conflict(replace)
            .exec_without_returning(&*transaction)
            .await?;
        transaction.commit().await?;
        self.changed(owner, book, locked.version + 1).await
    }

    /// Removes the cover of a book. A trigger queues its files for removal. Changes nothing if the book has no cover.
    pub(crate) async fn remove(
        &self,
        owner: UserId,
        book: BookId,
        now: Timestamp,
    ) -> Result<CoverOutcome, StoreError> {
        let transaction = self.0.db.begin().await?;
        let Some(locked) = lock_book(&*transaction, owner, book).await? else {
            return Ok(CoverOutcome::NotFound);
        };
        let Some(bytes) = stored_bytes(&*transaction, owner, book).await? else {
            return self.current(owner, book).await;
        };
        Entity::delete_by_id((owner, book)).exec(&*transaction).await?;
        change_book(&*transaction, (owner, book), locked, -bytes, now).await?;
        transaction.commit().await?;
        self.changed(owner, book, locked.version + 1).await
    }

    /// Publishes a committed change and returns the book.
    async fn changed(
        &self,
        owner: UserId,
        book: BookId,
        version: i32,
    ) -> Result<CoverOutcome, StoreError> {
        self.0.wake_cover_removal();
        let kind = ChangeKind::Updated(version);
        self.0.events.publish(&[Event::BookChanged(BookChange { owner, book, kind })]).await;
        self.current(owner, book).await
    }

    async fn current(&self, owner: UserId, book: BookId) -> Result<CoverOutcome, StoreError> {
        let found = self.0.books().find(owner, book).await?;
        Ok(found.map_or(CoverOutcome::NotFound, |book| CoverOutcome::Done(Box::new(book))))
    }
}

/// A book that is locked.
#[derive(Clone, Copy, Debug)]
struct LockedBook {
    version: i32,
    bytes: i32,
}

/// Locks a book until the transaction ends. `None` if the owner has no such book.
async fn lock_book<C: ConnectionTrait>(
    connection: &C,
    owner: UserId,
    book: BookId,
) -> Result<Option<LockedBook>, StoreError> {
    let found: Option<(i32, i32)> = book::Entity::find_by_id((owner, book))
        .select_only()
        .columns([book::Column::Version, book::Column::Bytes])
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .one(connection)
        .await?;
    Ok(found.map(|(version, bytes)| LockedBook { version, bytes }))
}

/// The size of a book's cover; `None` if it has none.
async fn stored_bytes<C: ConnectionTrait>(
    connection: &C,
    owner: UserId,
    book: BookId,
) -> Result<Option<i32>, StoreError> {
    let bytes = Entity::find_by_id((owner, book)).select_only().column(Column::Bytes).into_tuple();
    Ok(bytes.one(connection).await?)
}

/// Writes the next version of a book, and adds to its size and, with it, to that of the library.
async fn change_book<C: ConnectionTrait>(
    connection: &C,
    (owner, book): (UserId, BookId),
    LockedBook { version, bytes }: LockedBook,
    growth: i32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = book::ActiveModel {
        version: Set(version + 1),
        updated_at: Set(now),
        bytes: Set(bytes + growth),
        ..Default::default()
    };
    book::Entity::update_many()
        .set(row)
        .filter(book::Column::OwnerId.eq(owner))
        .filter(book::Column::Id.eq(book))
        .exec(connection)
        .await?;
    // On SQLite, a trigger does it.
    if connection.get_database_backend() == DbBackend::Postgres {
        let growth = kibibytes(bytes + growth) - kibibytes(bytes);
        let size = Expr::col(library::Column::Kibibytes).add(growth);
        library::Entity::update_many()
            .col_expr(library::Column::Kibibytes, size)
            .filter(library::Column::OwnerId.eq(owner))
            .exec(connection)
            .await?;
    }
    Ok(())
}
