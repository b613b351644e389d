//! The quota of an account: how many books its library may have, and how much text.
//!
//! Each statement that inserts, resizes or deletes a book changes the size of the library too: on SQLite by triggers
//! (`m0005_libraries.rs`), on PostgreSQL in the statement itself ([`Quota::push_reservation`], [`push_resize`],
//! [`push_release`]).

use super::db::sql::Sql;
use crate::entity::book;
use crate::entity::library::{Column, Entity};
use crate::id::UserId;

/// The maximum size of a library.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    pub(crate) books: u64,
    pub(crate) kibibytes: u64,
}

/// The part of its quota that an account has used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExceededQuota {
    Books,
    Bytes,
}

/// The size of a book of this many bytes.
pub(super) fn kibibytes(bytes: i32) -> i64 {
    (i64::from(bytes) + 1023) / 1024
}

/// A count of the database, which is never negative unless others have changed the tables.
pub(super) fn to_count(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// Appends the statement for the number of the owner's books; no row if there never was one.
pub(super) fn push_book_count(sql: &mut Sql, owner: UserId) {
    sql.push("SELECT ").column(Column::BookCount).push(" FROM ").table(Entity);
    sql.push(" WHERE ").column(Column::OwnerId).push(" = ").bind(owner);
}

impl Quota {
    /// Appends, on PostgreSQL, the statement that adds a book of this many bytes to the size of the owner's
    /// library. It returns a row unless the quota would be exceeded.
    pub(super) fn push_reservation(self, sql: &mut Sql, owner: UserId, bytes: i32) {
        self.push_reservation_of(sql, owner, 1, kibibytes(bytes));
    }

    /// The same for several books, of which there must be space for one at least.
    pub(super) fn push_reservation_of(
        self,
        sql: &mut Sql,
        owner: UserId,
        books: i64,
        kibibytes: i64,
    ) {
        use Column::{BookCount, Kibibytes, OwnerId};

        sql.push("INSERT INTO ").table(Entity).push(" AS library (");
        sql.columns([OwnerId, BookCount, Kibibytes]).push(") VALUES (").bind(owner);
        sql.push(", ").bind(books).push(", ").bind(kibibytes);
        sql.push(") ON CONFLICT (").column(OwnerId);
        sql.push(") DO UPDATE SET ").column(BookCount).push(" = library.").column(BookCount);
        sql.push(" + excluded.").column(BookCount).push(", ").column(Kibibytes);
        sql.push(" = library.").column(Kibibytes).push(" + excluded.").column(Kibibytes);
        sql.push(" WHERE library.").column(BookCount).push(" + excluded.").column(BookCount);
        sql.push(" <= ").bind(self.books);
        sql.push(" AND library.").column(Kibibytes).push(" + excluded.").column(Kibibytes);
        sql.push(" <= ").bind(self.kibibytes).push(" RETURNING ").column(OwnerId);
    }

    /// Appends the condition that the library has space for another book of this many bytes.
    pub(super) fn push_has_space(self, sql: &mut Sql, owner: UserId, bytes: i32) {
        self.push_has_space_for(sql, owner, 1, kibibytes(bytes));
    }

    /// Appends the condition that the library has space for this many more books of this size in all.
    pub(super) fn push_has_space_for(
        self,
        sql: &mut Sql,
        owner: UserId,
        books: i64,
        kibibytes: i64,
    ) {
        push_no_library(sql, owner);
        sql.push(" AND (").column(Column::BookCount).push(" + ").bind(books);
        sql.push(" > ").bind(self.books).push(" OR ").column(Column::Kibibytes);
        sql.push(" + ").bind(kibibytes).push(" > ").bind(self.kibibytes).push("))");
    }

    /// Appends the condition that the texts of the library may grow.
    pub(super) fn push_may_grow(self, sql: &mut Sql, owner: UserId) {
        push_no_library(sql, owner);
        sql.push(" AND ").column(Column::Kibibytes).push(" >= ").bind(self.kibibytes).push(")");
    }
}

fn push_no_library(sql: &mut Sql, owner: UserId) {
    sql.push("NOT EXISTS (SELECT 1 FROM ").table(Entity);
    sql.push(" WHERE ").column(Column::OwnerId).push(" = ").bind(owner);
}

/// Appends, on PostgreSQL, the statement that adds to the size of the owner's library by how much the book of the
/// common table expression `before` grows from `bytes` to `new_bytes`.
pub(super) fn push_resize(sql: &mut Sql, owner: UserId) {
    sql.push("UPDATE ").table(Entity).push(" SET ").column(Column::Kibibytes).push(" = ");
    sql.column(Column::Kibibytes).push(" + (before.new_bytes + 1023) / 1024 - (before.");
    sql.column(book::Column::Bytes).push(" + 1023) / 1024 FROM before WHERE ");
    sql.column(Column::OwnerId).push(" = ").bind(owner).push(" RETURNING 1");
}

/// Appends, on PostgreSQL, the statement that removes the books of the common table expression `deleted` from
/// the size of the owner's library.
pub(super) fn push_release(sql: &mut Sql, owner: UserId) {
    use Column::{BookCount, Kibibytes, OwnerId};

    sql.push("UPDATE ").table(Entity).push(" SET ").column(BookCount).push(" = ");
    sql.column(BookCount).push(" - 1, ").column(Kibibytes).push(" = ").column(Kibibytes);
    sql.push(" - (deleted.")
        .column(book::Column::Bytes)
        .push(" + 1023) / 1024 FROM deleted WHERE ");
    sql.table(Entity).push(".").column(OwnerId).push(" = ").bind(owner);
}
