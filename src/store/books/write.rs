//! Creating and deleting books.

use sea_orm::DbBackend;

use super::model::{Assignments, Book, Column, NewBook};
use super::read::Books;
use crate::entity::book::Entity;
use crate::id::{BookId, UserId};
use crate::input::idempotency_key::IdempotencyKey;
use crate::store::db::sql::Sql;
use crate::store::error::{QueryError, StoreError, UniqueConstraint};
use crate::store::events::{BookChange, ChangeKind, Event};
use crate::store::quota::{self, ExceededQuota};

/// How often an insert is tried if a book with the same idempotency key is deleted concurrently.
const MAX_ATTEMPTS: usize = 3;

/// A statement violated a constraint that it cannot violate.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the constraint {0:?} is violated")]
struct UnexpectedViolation(UniqueConstraint);

/// The result of creating a book.
#[derive(Clone, Debug)]
pub(crate) enum CreateOutcome {
    Created(Book),
    /// This book was created earlier with the same idempotency key.
    Replayed(Book),
    /// The owner has a book with this ISBN; `None` if it has just been deleted concurrently.
    DuplicateIsbn(Option<Book>),
    /// The owner's library has no space for the book.
    QuotaExceeded(ExceededQuota),
}

impl Books<'_> {
    /// Inserts a book, or returns the one that was created with the same idempotency key. The book is as old as
    /// its id.
    pub(crate) async fn create(
        &self,
        id: BookId,
        owner: UserId,
        new: NewBook,
        idempotency_key: Option<IdempotencyKey>,
    ) -> Result<CreateOutcome, StoreError> {
        let now = id.created_at();
        for _ in 0..MAX_ATTEMPTS {
            let mut sql = self.0.db.sql();
            let assignments = new.assignments(id, owner, now);
            self.push_insert(&mut sql, owner, assignments, idempotency_key.clone());
            let violated = match self.0.db.write::<BookId>(owner, sql).await {
                Ok(inserted) if !inserted.is_empty() => {
                    self.publish(owner, id, ChangeKind::Created).await;
                    return Ok(CreateOutcome::Created(new.into_book(id, owner, now)));
                }
                Ok(_) => None,
                Err(QueryError { violated: Some(violated), .. }) => Some(violated),
                Err(failed) => return Err(failed.error),
            };
            // A retry has the same ISBN too and needs no space, and the database may report any of them.
            if let Some(key) = &idempotency_key
                && let Some(first) =
                    self.find_by(owner, Column::IdempotencyKey, key.clone()).await?
            {
                return Ok(CreateOutcome::Replayed(first));
            }
            match (violated, &new.isbn) {
                (None, _) => {
                    let exceeded = self.0.exceeded_quota(owner).await?;
                    return Ok(CreateOutcome::QuotaExceeded(exceeded));
                }
                (Some(UniqueConstraint::BookIsbn), Some(isbn)) => {
                    return Ok(CreateOutcome::DuplicateIsbn(self.find_by_isbn(owner, isbn).await?));
                }
                // The book with this key has just been deleted, so the key is free again.
                (Some(UniqueConstraint::BookIdempotencyKey), _) => {}
                (Some(violated), _) => {
                    return Err(StoreError::internal(UnexpectedViolation(violated)));
                }
            }
        }
        Err(QueryError::unavailable("the idempotency key is used by concurrent requests").into())
    }

    /// Deletes a book; false if the owner has no such book.
    pub(crate) async fn delete(&self, owner: UserId, id: BookId) -> Result<bool, StoreError> {
        let mut sql = self.0.db.sql();
        push_delete(&mut sql, owner, id);
        let deleted = !self.0.db.write::<BookId>(owner, sql).await?.is_empty();
        if deleted {
            self.0.wake_cover_removal();
            self.publish(owner, id, ChangeKind::Deleted).await;
        }
        Ok(deleted)
    }

    /// Appends the statement that inserts a book if the library has space for it, and returns its id.
    fn push_insert(
        &self,
        sql: &mut Sql,
        owner: UserId,
        mut assignments: Assignments,
        idempotency_key: Option<IdempotencyKey>,
    ) {
        let bytes = assignments.texts().map(|(_, bytes)| bytes).sum();
        assignments.set(Column::Bytes, bytes);
        assignments.set(Column::IdempotencyKey, idempotency_key);
        let reserves = sql.backend() == DbBackend::Postgres;
        if reserves {
            sql.push("WITH reserved AS (");
            self.0.quota.push_reservation(sql, owner, bytes);
            sql.push(") ");
        }
        sql.push("INSERT INTO ").table(Entity).push(" (");
        sql.columns(assignments.columns()).push(") SELECT ");
        sql.join(", ", assignments, |sql, assignment| {
            sql.bind(assignment.value);
        });
        if reserves {
            sql.push(" FROM reserved");
        } else {
            sql.push(" WHERE ");
            self.0.quota.push_has_space(sql, owner, bytes);
        }
        sql.push(" RETURNING ").column(Column::Id);
    }

    pub(super) async fn publish(&self, owner: UserId, book: BookId, kind: ChangeKind) {
        self.0.events.publish(&[Event::BookChanged(BookChange { owner, book, kind })]).await;
    }
}

/// Appends the statement that deletes a book and returns its id.
fn push_delete(sql: &mut Sql, owner: UserId, id: BookId) {
    let releases = sql.backend() == DbBackend::Postgres;
    if releases {
        sql.push("WITH deleted AS (");
    }
    sql.push("DELETE FROM ").table(Entity).push(" WHERE ");
    push_book_of_owner(sql, owner, id);
    sql.push(" RETURNING ").column(Column::Id);
    if releases {
        sql.push(", ").column(Column::Bytes).push("), released AS (");
        quota::push_release(sql, owner);
        sql.push(") SELECT ").column(Column::Id).push(" FROM deleted");
    }
}

fn push_book_of_owner(sql: &mut Sql, owner: UserId, id: BookId) {
    sql.column(Column::OwnerId).push(" = ").bind(owner);
    sql.push(" AND ").column(Column::Id).push(" = ").bind(id);
}
