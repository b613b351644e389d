//! Creating, updating and deleting books.

use super::model::{Assignment, Assignments, Book, BookChanges, BookColumns, Column, NewBook};
use super::read::Books;
use crate::clock::Timestamp;
use crate::entity::book::Entity;
use crate::id::{BookId, UserId};
use crate::input::idempotency_key::IdempotencyKey;
use crate::store::db::sql::Sql;
use crate::store::error::{QueryError, StoreError, UniqueConstraint};
use crate::store::events::{BookChange, ChangeKind, Event};

/// How often an insert is tried if a book with the same idempotency key is deleted concurrently.
const MAX_ATTEMPTS: usize = 3;

/// The result of creating a book.
#[derive(Clone, Debug)]
pub(crate) enum CreateOutcome {
    Created(Book),
    /// This book was created earlier with the same idempotency key.
    Replayed(Book),
    /// The owner has a book with this ISBN; `None` if it has just been deleted concurrently.
    DuplicateIsbn(Option<Book>),
}

/// The result of an update.
#[derive(Clone, Debug)]
pub(crate) enum UpdateOutcome {
    /// The current book, whether the update changed it or not.
    Done(Book),
    /// The owner has no such book.
    NotFound,
    /// The version of the book is not the expected one; nothing was written.
    VersionConflict(Book),
    /// The owner has another book with this ISBN; `None` if it has just been deleted concurrently.
    DuplicateIsbn(Option<Book>),
}

impl Books<'_> {
    /// Inserts a book, or returns the one that was created with the same idempotency key.
    pub(crate) async fn create(
        &self,
        id: BookId,
        owner: UserId,
        new: NewBook,
        idempotency_key: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> Result<CreateOutcome, StoreError> {
        let mut assignments = new.assignments(id, owner, now);
        assignments.set(Column::IdempotencyKey, idempotency_key.clone());
        let mut sql = self.0.db.sql();
        push_insert(&mut sql, &assignments);
        for _ in 0..MAX_ATTEMPTS {
            let Err(failed) = self.0.db.write::<BookId>(owner, sql.clone()).await else {
                self.publish(owner, id, ChangeKind::Created).await;
                return Ok(CreateOutcome::Created(new.into_book(id, owner, now)));
            };
            let Some(violated) = failed.violated else {
                return Err(failed.error);
            };
            // A retry has the same ISBN too, and the database may report either constraint.
            if let Some(key) = &idempotency_key
                && let Some(first) =
                    self.find_of_owner(owner, Column::IdempotencyKey, key.clone()).await?
            {
                return Ok(CreateOutcome::Replayed(first));
            }
            match (violated, &new.isbn) {
                (UniqueConstraint::BookIsbn, Some(isbn)) => {
                    return Ok(CreateOutcome::DuplicateIsbn(self.find_by_isbn(owner, isbn).await?));
                }
                // The book with this key has just been deleted, so the key is free again.
                (UniqueConstraint::BookIdempotencyKey, _) => {}
                _ => return Err(failed.error),
            }
        }
        Err(QueryError::unavailable("the idempotency key is used by concurrent requests").into())
    }

    /// Updates a book in one statement. Writes only if a value differs and the book has the expected
    /// version, if any.
    pub(crate) async fn update(
        &self,
        owner: UserId,
        id: BookId,
        changes: BookChanges,
        expected_version: Option<i32>,
        now: Timestamp,
    ) -> Result<UpdateOutcome, StoreError> {
        let assignments = changes.assignments();
        if !assignments.is_empty() {
            let mut sql = self.0.db.sql();
            push_update(&mut sql, &assignments, now);
            push_book_of_owner(&mut sql, owner, id);
            if let Some(version) = expected_version {
                sql.push(" AND ").column(Column::Version).push(" = ").bind(version);
            }
            sql.push(" RETURNING ").columns(BookColumns::all().to_select());
            match (self.0.db.write::<Book>(owner, sql).await, changes.isbn.flatten()) {
                (Ok(mut updated), _) => {
                    if let Some(book) = updated.pop() {
                        self.publish(owner, id, ChangeKind::Updated(*book.version()?)).await;
                        return Ok(UpdateOutcome::Done(book));
                    }
                }
                (
                    Err(QueryError { violated: Some(UniqueConstraint::BookIsbn), .. }),
                    Some(isbn),
                ) => {
                    let other = self.find_by_isbn(owner, &isbn).await?;
                    return Ok(UpdateOutcome::DuplicateIsbn(other));
                }
                (Err(failed), _) => return Err(failed.error),
            }
        }
        // Nothing was written: find out why.
        let Some(book) = self.find_of_owner(owner, Column::Id, id).await? else {
            return Ok(UpdateOutcome::NotFound);
        };
        Ok(match expected_version {
            Some(version) if version != *book.version()? => UpdateOutcome::VersionConflict(book),
            _ => UpdateOutcome::Done(book),
        })
    }

    /// Deletes a book; false if the owner has no such book.
    pub(crate) async fn delete(&self, owner: UserId, id: BookId) -> Result<bool, StoreError> {
        let mut sql = self.0.db.sql();
        sql.push("DELETE FROM ").table(Entity).push(" WHERE ");
        push_book_of_owner(&mut sql, owner, id);
        sql.push(" RETURNING ").column(Column::Id);
        let deleted = !self.0.db.write::<BookId>(owner, sql).await?.is_empty();
        if deleted {
            self.publish(owner, id, ChangeKind::Deleted).await;
        }
        Ok(deleted)
    }

    async fn publish(&self, owner: UserId, book: BookId, kind: ChangeKind) {
        self.0.events.publish(&[Event::BookChanged(BookChange { owner, book, kind })]).await;
    }
}

/// Appends the statement that inserts a book.
fn push_insert(sql: &mut Sql, assignments: &Assignments) {
    sql.push("INSERT INTO ").table(Entity).push(" (");
    sql.columns(assignments.iter().map(|assignment| assignment.column)).push(") VALUES (");
    sql.join(", ", assignments.iter(), |sql, assignment| {
        sql.bind(assignment.value.clone());
    });
    sql.push(")");
}

/// Appends `UPDATE books SET … WHERE …`, which matches a row only if at least one value differs.
fn push_update(sql: &mut Sql, assignments: &Assignments, now: Timestamp) {
    sql.push("UPDATE ").table(Entity).push(" SET ");
    for Assignment { column, value, .. } in assignments.iter() {
        sql.column(*column).push(" = ").bind(value.clone()).push(", ");
    }
    sql.column(Column::Version).push(" = ").column(Column::Version).push(" + 1, ");
    sql.column(Column::UpdatedAt).push(" = ").bind(now).push(" WHERE (");
    let set_by_owner = assignments.iter().filter(|assignment| !assignment.folded);
    sql.join(" OR ", set_by_owner, |sql, Assignment { column, value, .. }| {
        sql.column(*column).push(" IS DISTINCT FROM ").bind(value.clone());
    });
    sql.push(") AND ");
}

fn push_book_of_owner(sql: &mut Sql, owner: UserId, id: BookId) {
    sql.column(Column::Id).push(" = ").bind(id);
    sql.push(" AND ").column(Column::OwnerId).push(" = ").bind(owner);
}
