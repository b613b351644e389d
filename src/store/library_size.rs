//! The size of each library, read and corrected.

use sea_orm::{ConnectionTrait, DbBackend};

use super::db::row::RowReader;
use super::quota::{ExceededQuota, push_book_count, to_count};
use super::{Store, StoreError};
use crate::id::UserId;

/// How much a library may still grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LibrarySpace {
    pub(crate) books: i64,
    /// The size of each book in whole kibibytes, summed up.
    pub(crate) kibibytes: i64,
}

impl Store {
    /// How much the owner's library may still grow.
    pub(crate) async fn library_space(&self, owner: UserId) -> Result<LibrarySpace, StoreError> {
        use crate::entity::library::{Column, Entity};

        let mut sql = self.db.sql();
        sql.push("SELECT ").columns([Column::BookCount, Column::Kibibytes]).push(" FROM ");
        sql.table(Entity).push(" WHERE ").column(Column::OwnerId).push(" = ").bind(owner);
        let read_row = |row: &mut RowReader<'_>| Ok((row.read::<i64>()?, row.read::<i64>()?));
        let sizes = self.db.read_with(sql, read_row).await?;
        let (books, kibibytes) = sizes.first().copied().unwrap_or_default();
        let left = |limit: u64, used| i64::try_from(limit).unwrap_or(i64::MAX).saturating_sub(used);
        Ok(LibrarySpace {
            books: left(self.quota.books, books),
            kibibytes: left(self.quota.kibibytes, kibibytes),
        })
    }

    /// The number of books in the owner's library.
    pub(crate) async fn book_count(&self, owner: UserId) -> Result<u64, StoreError> {
        let mut sql = self.db.sql();
        push_book_count(&mut sql, owner);
        let count: Option<i64> = self.db.read_one(sql).await?;
        Ok(to_count(count.unwrap_or(0)))
    }

    /// Which part of the quota the owner has used up: the number of books, if so, else their size.
    pub(super) async fn exceeded_quota(&self, owner: UserId) -> Result<ExceededQuota, StoreError> {
        let full = self.book_count(owner).await? >= self.quota.books;
        Ok(if full { ExceededQuota::Books } else { ExceededQuota::Bytes })
    }

    /// Whether the texts of the owner's library may not grow.
    pub(super) async fn has_no_space(&self, owner: UserId) -> Result<bool, StoreError> {
        let mut sql = self.db.sql();
        sql.push("SELECT 1 WHERE NOT ");
        self.quota.push_may_grow(&mut sql, owner);
        Ok(self.db.read_one::<i32>(sql).await?.is_some())
    }

    /// Counts all books again. Returns for how many libraries the size was wrong. No book can be written
    /// meanwhile.
    pub(crate) async fn recount(&self) -> Result<u64, StoreError> {
        const COUNTED: &str = "SELECT owner_id, count(*) AS book_count,
            sum((bytes + 1023) / 1024) AS kibibytes FROM books GROUP BY owner_id";

        let transaction = self.begin_unlimited().await?;
        let connection = transaction.unbounded();
        if connection.get_database_backend() == DbBackend::Postgres {
            connection.execute_unprepared("LOCK TABLE books IN SHARE ROW EXCLUSIVE MODE").await?;
        }
        let corrected = format!(
            "INSERT INTO libraries (owner_id, book_count, kibibytes)
             SELECT owner_id, book_count, kibibytes FROM ({COUNTED}) AS counted WHERE true
             ON CONFLICT (owner_id) DO UPDATE
             SET book_count = excluded.book_count, kibibytes = excluded.kibibytes
             WHERE libraries.book_count <> excluded.book_count
                OR libraries.kibibytes <> excluded.kibibytes"
        );
        let emptied = "UPDATE libraries SET book_count = 0, kibibytes = 0
             WHERE (book_count <> 0 OR kibibytes <> 0)
               AND NOT EXISTS (SELECT 1 FROM books WHERE books.owner_id = libraries.owner_id)";
        let mut wrong = 0;
        for statement in [&*corrected, emptied] {
            wrong += connection.execute_unprepared(statement).await?.rows_affected();
        }
        transaction.commit().await?;
        Ok(wrong)
    }
}
