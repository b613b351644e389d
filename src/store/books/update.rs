//! Updating books.

use sea_orm::DbBackend;

use super::model::{Assignments, Book, BookChanges, BookColumns, Column};
use super::read::Books;
use super::reading::{push_dates_in_order, push_read_count};
use crate::clock::Timestamp;
use crate::entity::book::Entity;
use crate::id::{BookId, UserId};
use crate::store::db::sql::{Placeholder, Sql};
use crate::store::error::{QueryError, StoreError, UniqueConstraint};
use crate::store::events::ChangeKind;
use crate::store::quota::{ExceededQuota, push_resize};

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

/// How the size of the library, in whole kibibytes of each book, follows an update of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resizing {
    /// A trigger changes it if necessary. It costs little on SQLite.
    ByTrigger,
    /// Only a book matches that has as many kibibytes after the update. So do most updates.
    Unnecessary,
    /// The same statement changes it. A trigger of PostgreSQL took a third of the time of each update in the
    /// database, whether it changed the size or not.
    InStatement,
}

impl Books<'_> {
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
        let target = Target { owner, id, changes: &changes, expected_version };
        let mut assignments = Some(changes.assignments());
        let mut untried = self.resizings(assignments.as_ref()).iter();
        loop {
            if let Some(resizing) = untried.next() {
                let assignments = assignments.take().unwrap_or_else(|| changes.assignments());
                if let Some(outcome) = self.try_update(&target, assignments, *resizing, now).await?
                {
                    return Ok(outcome);
                }
            }
            // Nothing was written: find out why.
            let Some(book) = self.find(owner, id).await? else {
                return Ok(UpdateOutcome::NotFound);
            };
            if expected_version.is_some_and(|version| book.version().is_ok_and(|it| *it != version))
            {
                return Ok(UpdateOutcome::VersionConflict(book));
            }
            if !changes.keep_dates_in_order(&book)? {
                return Ok(UpdateOutcome::DatesOutOfOrder);
            }
            if !changes.differ_from(&book)? {
                return Ok(UpdateOutcome::Done(book));
            }
            if untried.len() == 0 {
                // A concurrent update may have changed the book since, so a difference alone says nothing.
                return Ok(match self.0.has_no_space(owner).await? {
                    true => UpdateOutcome::QuotaExceeded(ExceededQuota::Bytes),
                    false => UpdateOutcome::Done(book),
                });
            }
        }
    }

    /// Executes an update. `None` if no book matches.
    async fn try_update(
        &self,
        target: &Target<'_>,
        assignments: Assignments,
        resizing: Resizing,
        now: Timestamp,
    ) -> Result<Option<UpdateOutcome>, StoreError> {
        let Target { owner, id, changes, .. } = *target;
        let mut sql = self.0.db.sql();
        self.push_update(&mut sql, target, assignments, resizing, now);
        let isbn = changes.isbn.as_ref().and_then(Option::as_ref);
        match (self.0.db.write::<Book>(owner, sql).await, isbn) {
            (Ok(mut updated), _) => {
                let Some(book) = updated.pop() else { return Ok(None) };
                self.publish(owner, id, ChangeKind::Updated(*book.version()?)).await;
                Ok(Some(UpdateOutcome::Done(book)))
            }
            (Err(QueryError { violated: Some(UniqueConstraint::BookIsbn), .. }), Some(isbn)) => {
                let other = self.find_by_isbn(owner, isbn).await?;
                Ok(Some(UpdateOutcome::DuplicateIsbn(other)))
            }
            (Err(failed), _) => Err(failed.error),
        }
    }

    /// The statements to try, in this order, until one matches the book.
    fn resizings(&self, assignments: Option<&Assignments>) -> &'static [Resizing] {
        let changes_text = assignments.is_some_and(|all| all.texts().next().is_some());
        match self.0.db.backend() {
            _ if assignments.is_none_or(Assignments::is_empty) => &[],
            DbBackend::Postgres if changes_text => &[Resizing::Unnecessary, Resizing::InStatement],
            _ => &[Resizing::ByTrigger],
        }
    }

    /// Appends the statement that updates a book which has this version. Returns the book, or no row.
    pub(super) fn push_update_of_version(
        &self,
        sql: &mut Sql,
        (owner, id, version): (UserId, BookId, i32),
        changes: &BookChanges,
        now: Timestamp,
    ) {
        let assignments = changes.assignments();
        let resizing = self.resizings(Some(&assignments)).last().copied();
        let target = Target { owner, id, changes, expected_version: Some(version) };
        self.push_update(sql, &target, assignments, resizing.unwrap_or(Resizing::ByTrigger), now);
    }

    /// Appends the statement that updates a book and returns it. It matches the book only if at least one value
    /// differs, and if the library has space for texts that grow.
    fn push_update(
        &self,
        sql: &mut Sql,
        target: &Target<'_>,
        assignments: Assignments,
        resizing: Resizing,
        now: Timestamp,
    ) {
        let growth: Growth =
            assignments.texts().map(|(column, bytes)| (column, sql.add_value(bytes))).collect();
        let assigned: Vec<_> = assignments
            .into_iter()
            .map(|assignment| Assigned {
                column: assignment.column,
                value: sql.add_value(assignment.value),
                is_compared: !assignment.folded,
            })
            .collect();
        if resizing == Resizing::InStatement {
            sql.push("WITH before AS (SELECT ").column(Column::Bytes).push(", ");
            sql.column(Column::Bytes);
            push_growth(sql, &growth);
            sql.push(" AS new_bytes FROM ").table(Entity).push(" WHERE ");
            target.push_differs(sql, &assigned);
            self.push_has_space(sql, target.owner, &growth);
            sql.push(" FOR UPDATE), resized AS (");
            push_resize(sql, target.owner);
            sql.push(") ");
        }
        sql.push("UPDATE ").table(Entity).push(" SET ");
        for Assigned { column, value, .. } in &assigned {
            sql.column(*column).push(" = ").placeholder(*value).push(", ");
        }
        push_read_count(sql, target.changes);
        if !growth.is_empty() {
            sql.column(Column::Bytes).push(" = ").column(Column::Bytes);
            push_growth(sql, &growth);
            sql.push(", ");
        }
        sql.column(Column::Version).push(" = ").column(Column::Version).push(" + 1, ");
        sql.column(Column::UpdatedAt).push(" = ").bind(now).push(" WHERE ");
        match resizing {
            Resizing::InStatement => {
                target.push_key(sql);
                // Locks the library before the update adds index entries, as an insert does, so that there is no
                // deadlock.
                sql.push(" AND EXISTS (SELECT 1 FROM before)");
                sql.push(" AND (SELECT count(*) FROM resized) >= 0");
            }
            Resizing::Unnecessary => {
                target.push_differs(sql, &assigned);
                sql.push(" AND ");
                push_kibibytes(sql, &[]);
                sql.push(" = ");
                push_kibibytes(sql, &growth);
            }
            Resizing::ByTrigger => {
                target.push_differs(sql, &assigned);
                self.push_has_space(sql, target.owner, &growth);
            }
        }
        sql.push(" RETURNING ").columns(BookColumns::all().to_select());
    }

    /// Appends ` AND …`: the library has space for a book that has more kibibytes than before.
    fn push_has_space(&self, sql: &mut Sql, owner: UserId, growth: &[(Column, Placeholder)]) {
        if !growth.is_empty() {
            sql.push(" AND (");
            push_kibibytes(sql, growth);
            sql.push(" <= ");
            push_kibibytes(sql, &[]);
            sql.push(" OR ");
            self.0.quota.push_may_grow(sql, owner);
            sql.push(")");
        }
    }
}

/// The columns of texts, with their new sizes in bytes.
type Growth = Vec<(Column, Placeholder)>;

/// A column that an update writes.
struct Assigned {
    column: Column,
    value: Placeholder,
    /// Whether a different value is a change of the book. Not that of a folded column.
    is_compared: bool,
}

/// The book that an update writes, and what it must match.
struct Target<'a> {
    owner: UserId,
    id: BookId,
    changes: &'a BookChanges,
    expected_version: Option<i32>,
}

impl Target<'_> {
    fn push_key(&self, sql: &mut Sql) {
        sql.column(Column::OwnerId).push(" = ").bind(self.owner);
        sql.push(" AND ").column(Column::Id).push(" = ").bind(self.id);
    }

    /// Appends the conditions that the book has the expected version and that the update changes it.
    fn push_differs(&self, sql: &mut Sql, assigned: &[Assigned]) {
        let compared = assigned.iter().filter(|assigned| assigned.is_compared);
        sql.push("(").join(" OR ", compared, |sql, Assigned { column, value, .. }| {
            sql.column(*column).push(" IS DISTINCT FROM ").placeholder(*value);
        });
        sql.push(") AND ");
        self.push_key(sql);
        push_dates_in_order(sql, self.changes);
        if let Some(version) = self.expected_version {
            sql.push(" AND ").column(Column::Version).push(" = ").bind(version);
        }
    }
}

/// Appends ` + …`: by how many bytes the texts of a book grow.
fn push_growth(sql: &mut Sql, growth: &[(Column, Placeholder)]) {
    for (column, bytes) in growth {
        sql.push(" + ").placeholder(*bytes);
        sql.push(" - coalesce(octet_length(").column(*column).push("), 0)");
    }
}

/// Appends the size of a book in kibibytes after its texts have grown.
fn push_kibibytes(sql: &mut Sql, growth: &[(Column, Placeholder)]) {
    sql.push("(").column(Column::Bytes);
    push_growth(sql, growth);
    sql.push(" + 1023) / 1024");
}
