//! What an update of the reading life of a book depends on: its dates and its status before.

use super::model::{Book, BookChanges, Column};
use crate::input::calendar_date::check_order;
use crate::input::reading_status::ReadingStatus;
use crate::store::db::sql::Sql;
use crate::store::error::StoreError;

impl BookChanges {
    /// Whether the book would not be finished before it was started. An error if its dates were not selected.
    pub(crate) fn keep_dates_in_order(&self, book: &Book) -> Result<bool, StoreError> {
        let started = self.started_on.unwrap_or(*book.started_on()?);
        let finished = self.finished_on.unwrap_or(*book.finished_on()?);
        Ok(check_order(started, finished).is_ok())
    }
}

/// Appends ` AND …`: a date that changes must be in order with the date that the book keeps.
pub(super) fn push_dates_in_order(sql: &mut Sql, changes: &BookChanges) {
    let (kept, order, changed) = match (changes.started_on, changes.finished_on) {
        (Some(Some(started)), None) => (Column::FinishedOn, " >= ", started),
        (None, Some(Some(finished))) => (Column::StartedOn, " <= ", finished),
        _ => return,
    };
    sql.push(" AND (").column(kept).push(" IS NULL OR ");
    sql.column(kept).push(order).bind(changed).push(")");
}

/// Appends `read_count = …, ` if the changes have the status `READ` and no count: a book that gets this status was
/// read at least once.
pub(super) fn push_read_count(sql: &mut Sql, changes: &BookChanges) {
    let read = Some(ReadingStatus::Read);
    if changes.status != Some(read) || changes.read_count.is_some() {
        return;
    }
    sql.column(Column::ReadCount).push(" = CASE WHEN ").column(Column::ReadCount);
    sql.push(" = 0 AND ").column(Column::Status).push(" IS DISTINCT FROM ").bind(read);
    sql.push(" THEN 1 ELSE ").column(Column::ReadCount).push(" END, ");
}
