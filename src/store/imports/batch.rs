//! The batches of an import.

use sea_orm::DbBackend;

use super::model::{ImportAction, ImportCounts, ImportJob, ImportState, Imports};
use crate::clock::Timestamp;
use crate::entity::import_job::{self, Column};
use crate::entity::import_row;
use crate::entity::user;
use crate::id::{BookId, UserId};
use crate::store::books::BookBatch;
use crate::store::db::sql::{BatchStatement, Sql};
use crate::store::error::{QueryError, StoreError, UniqueConstraint};

/// How many rows one statement inserts on PostgreSQL.
const ROWS_PER_STATEMENT: usize = 128;

/// What a batch writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImportBatch {
    pub(crate) books: BookBatch,
    pub(crate) rows: Vec<NewImportRow>,
}

/// What became of a row of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewImportRow {
    pub(crate) number: i32,
    pub(crate) line: i32,
    pub(crate) action: ImportAction,
    pub(crate) title: Option<String>,
    pub(crate) book: Option<BookId>,
    /// One note on each line.
    pub(crate) notes: Option<String>,
}

/// The result of writing a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchOutcome {
    Written,
    /// The library has changed since the batch was made; nothing was written.
    Conflict,
    /// The import does not run any more: it counted as abandoned, or its account was deleted. Nothing was written.
    Ended,
}

impl ImportBatch {
    /// How many rows have each result.
    pub(crate) fn counts(&self) -> ImportCounts {
        let mut counts = ImportCounts::default();
        self.rows.iter().for_each(|row| counts.add(row.action));
        counts
    }
}

impl Imports<'_> {
    /// Writes a batch that follows the rows that `job` counts, and adds it to the counts of `job`. A batch whose result
    /// was lost can be written again.
    pub(crate) async fn write_batch(
        &self,
        job: &mut ImportJob,
        batch: &ImportBatch,
        now: Timestamp,
    ) -> Result<BatchOutcome, StoreError> {
        let (owner, counts) = (job.owner_id, batch.counts());
        let mut statements = Vec::new();
        if self.0.db.backend() == DbBackend::Postgres {
            // The account is locked first, as by its deletion. So the two wait for each other, without a deadlock.
            statements.push(BatchStatement { sql: self.lock_account(owner), rows: Some(1) });
        }
        statements.push(BatchStatement { sql: self.count_batch(job, counts, now), rows: Some(1) });
        let books = self.0.books().batch_statements(owner, &batch.books, now);
        statements.extend(books);
        let per_statement = match self.0.db.backend() {
            DbBackend::Postgres => ROWS_PER_STATEMENT,
            _ => 1,
        };
        statements.extend(batch.rows.chunks(per_statement).map(|rows| {
            let mut sql = self.0.db.sql();
            push_rows(&mut sql, job, rows);
            BatchStatement { sql, rows: None }
        }));
        match self.0.db.write_batch(statements).await {
            Ok(true) => {
                add(job, counts);
                return Ok(BatchOutcome::Written);
            }
            Ok(false)
            | Err(
                QueryError { violated: Some(UniqueConstraint::BookIsbn), .. }
                | QueryError { error: StoreError::UserDeleted, .. },
            ) => {}
            Err(failed) => return Err(failed.error),
        }
        // Nothing was written: find out why.
        Ok(match self.find(owner, job.id).await? {
            Some(found) if !found.is_running() => BatchOutcome::Ended,
            None => BatchOutcome::Ended,
            Some(found) if found.counts() == job.counts() => BatchOutcome::Conflict,
            // An earlier attempt was written, and its result was lost.
            Some(found) => {
                *job = found;
                BatchOutcome::Written
            }
        })
    }

    fn lock_account(&self, owner: UserId) -> Sql {
        let mut sql = self.0.db.sql();
        sql.push("SELECT ").column(user::Column::Id).push(" FROM ").table(user::Entity);
        sql.push(" WHERE ").column(user::Column::Id).push(" = ").bind(owner);
        sql.push(" FOR KEY SHARE");
        sql
    }

    /// The statement that adds a batch to the counts. It returns a row if the job runs and has not counted the batch.
    fn count_batch(&self, job: &ImportJob, counts: ImportCounts, now: Timestamp) -> Sql {
        let before = job.counts();
        let mut sql = self.0.db.sql();
        sql.push("UPDATE ").table(import_job::Entity).push(" SET ");
        for (column, before, more) in [
            (Column::Created, before.created, counts.created),
            (Column::Updated, before.updated, counts.updated),
            (Column::Skipped, before.skipped, counts.skipped),
            (Column::Failed, before.failed, counts.failed),
        ] {
            sql.column(column).push(" = ").bind(before + more).push(", ");
        }
        sql.column(Column::HeartbeatAt).push(" = ").bind(now).push(" WHERE ");
        sql.column(Column::OwnerId).push(" = ").bind(job.owner_id);
        sql.push(" AND ").column(Column::Id).push(" = ").bind(job.id);
        sql.push(" AND ").column(Column::State).push(" = ").bind(ImportState::Running);
        for (column, before) in [
            (Column::Created, before.created),
            (Column::Updated, before.updated),
            (Column::Skipped, before.skipped),
            (Column::Failed, before.failed),
        ] {
            sql.push(" AND ").column(column).push(" = ").bind(before);
        }
        sql.push(" RETURNING ").column(Column::Id);
        sql
    }
}

fn add(job: &mut ImportJob, counts: ImportCounts) {
    job.created += counts.created;
    job.updated += counts.updated;
    job.skipped += counts.skipped;
    job.failed += counts.failed;
}

/// Appends the statement that inserts rows.
fn push_rows(sql: &mut Sql, job: &ImportJob, rows: &[NewImportRow]) {
    use import_row::Column::{Action, BookId, JobId, Line, Notes, Number, OwnerId, Title};

    sql.push("INSERT INTO ").table(import_row::Entity).push(" (");
    sql.columns([OwnerId, JobId, Number, Line, Action, Title, BookId, Notes]).push(") VALUES ");
    sql.join(", ", rows, |sql, row| {
        sql.push("(").bind(job.owner_id).push(", ").bind(job.id).push(", ").bind(row.number);
        sql.push(", ").bind(row.line).push(", ").bind(row.action).push(", ");
        sql.bind(row.title.clone()).push(", ").bind(row.book).push(", ");
        sql.bind(row.notes.clone()).push(")");
    });
}
