//! Creating, updating and deleting books.

use sea_orm::DbBackend;

use super::model::{Assignment, Assignments, Book, BookChanges, BookColumns, Column, NewBook};
use super::read::Books;
use super::reading::{push_dates_in_order, push_read_count};
use crate::clock::Timestamp;
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
    /// With the changed date, the book would be finished before it was started; nothing was written.
    DatesOutOfOrder,
    /// The owner's library has no space for longer texts.
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
        let mut sql = self.0.db.sql();
        self.push_insert(&mut sql, owner, new.assignments(id, owner, now), idempotency_key.clone());
        for _ in 0..MAX_ATTEMPTS {
            let violated = match self.0.db.write::<BookId>(owner, sql.clone()).await {
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
            self.push_update(&mut sql, owner, (&changes, &assignments), now);
            push_book_of_owner(&mut sql, owner, id);
            push_dates_in_order(&mut sql, &changes);
            if let Some(version) = expected_version {
                sql.push(" AND ").column(Column::Version).push(" = ").bind(version);
            }
            sql.push(" RETURNING ").columns(BookColumns::all().to_select());
            match (
                self.0.db.write::<Book>(owner, sql).await,
                changes.isbn.as_ref().and_then(Option::as_ref),
            ) {
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
                    let other = self.find_by_isbn(owner, isbn).await?;
                    return Ok(UpdateOutcome::DuplicateIsbn(other));
                }
                (Err(failed), _) => return Err(failed.error),
            }
        }
        // Nothing was written: find out why.
        let Some(book) = self.find(owner, id).await? else {
            return Ok(UpdateOutcome::NotFound);
        };
        if expected_version.is_some_and(|version| book.version().is_ok_and(|it| *it != version)) {
            return Ok(UpdateOutcome::VersionConflict(book));
        }
        if !changes.keep_dates_in_order(&book)? {
            return Ok(UpdateOutcome::DatesOutOfOrder);
        }
        // A concurrent update may have changed the book since, so a difference alone says nothing.
        if changes.differ_from(&book)? && self.0.has_no_space(owner).await? {
            return Ok(UpdateOutcome::QuotaExceeded(ExceededQuota::Bytes));
        }
        Ok(UpdateOutcome::Done(book))
    }

    /// Deletes a book; false if the owner has no such book.
    pub(crate) async fn delete(&self, owner: UserId, id: BookId) -> Result<bool, StoreError> {
        let mut sql = self.0.db.sql();
        push_delete(&mut sql, owner, id);
        let deleted = !self.0.db.write::<BookId>(owner, sql).await?.is_empty();
        if deleted {
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
        sql.columns(assignments.iter().map(|assignment| assignment.column)).push(") SELECT ");
        sql.join(", ", assignments.iter(), |sql, assignment| {
            sql.bind(assignment.value.clone());
        });
        if reserves {
            sql.push(" FROM reserved");
        } else {
            sql.push(" WHERE ");
            self.0.quota.push_has_space(sql, owner, bytes);
        }
        sql.push(" RETURNING ").column(Column::Id);
    }

    /// Appends `UPDATE books SET … WHERE …`, which matches a row only if at least one value differs, and if the
    /// library has space for texts that grow.
    fn push_update(
        &self,
        sql: &mut Sql,
        owner: UserId,
        (changes, assignments): (&BookChanges, &Assignments),
        now: Timestamp,
    ) {
        let changes_text = assignments.texts().next().is_some();
        sql.push("UPDATE ").table(Entity).push(" SET ");
        for Assignment { column, value, .. } in assignments.iter() {
            sql.column(*column).push(" = ").bind(value.clone()).push(", ");
        }
        push_read_count(sql, changes);
        if changes_text {
            sql.column(Column::Bytes).push(" = ").column(Column::Bytes);
            push_growth(sql, assignments);
            sql.push(", ");
        }
        sql.column(Column::Version).push(" = ").column(Column::Version);
        sql.push(" + 1, ").column(Column::UpdatedAt).push(" = ").bind(now).push(" WHERE (");
        let set_by_owner = assignments.iter().filter(|assignment| !assignment.folded);
        sql.join(" OR ", set_by_owner, |sql, Assignment { column, value, .. }| {
            sql.column(*column).push(" IS DISTINCT FROM ").bind(value.clone());
        });
        sql.push(") AND ");
        if changes_text {
            sql.push("(0");
            push_growth(sql, assignments);
            sql.push(" <= 0 OR ");
            self.0.quota.push_may_grow(sql, owner);
            sql.push(") AND ");
        }
    }

    async fn publish(&self, owner: UserId, book: BookId, kind: ChangeKind) {
        self.0.events.publish(&[Event::BookChanged(BookChange { owner, book, kind })]).await;
    }
}

/// Appends ` + …`: by how many bytes the texts of a book grow.
fn push_growth(sql: &mut Sql, assignments: &Assignments) {
    for (column, bytes) in assignments.texts() {
        sql.push(" + ").bind(bytes);
        sql.push(" - coalesce(octet_length(").column(column).push("), 0)");
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
