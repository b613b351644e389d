//! What became of the rows of a file.

use super::model::{ImportAction, Imports};
use crate::entity::import_row::{self, Column, Entity};
use crate::id::{BookId, ImportId, UserId};
use crate::store::db::row::row;
use crate::store::db::sql::Sql;
use crate::store::error::StoreError;
use crate::store::page::{Page, PageRequest};

row! {
    /// What became of a row of a file.
    pub(crate) struct ImportRow from import_row {
        owner_id: UserId = OwnerId,
        /// Position in the file, starting at 1.
        number: i32 = Number,
        /// The line of the file in which the row starts; the header is line 1.
        line: i32 = Line,
        action: ImportAction = Action,
        title: Option<String> = Title,
        /// The book may have been deleted since.
        book_id: Option<BookId> = BookId,
        /// One note on each line.
        notes: Option<String> = Notes,
    }
}

impl Imports<'_> {
    /// A page from the front of the rows of an import in their order, of all or of those with this result.
    pub(crate) async fn rows(
        &self,
        owner: UserId,
        id: ImportId,
        action: Option<ImportAction>,
        page: &PageRequest<i32>,
    ) -> Result<Page<ImportRow>, StoreError> {
        let mut sql = self.0.db.sql();
        sql.push("SELECT ").columns(ImportRow::COLUMNS.iter().copied());
        push_from(&mut sql, owner, id, action);
        if let Some(after) = page.after {
            sql.push(" AND ").column(Column::Number).push(" > ").bind(after);
        }
        sql.push(" ORDER BY ").column(Column::Number).push(" LIMIT ");
        sql.bind(u64::try_from(page.fetch_limit()).unwrap_or(u64::MAX));
        Ok(page.collect(self.0.db.read(sql).await?))
    }

    /// Whether the list has a row up to this position.
    pub(crate) async fn has_row_up_to(
        &self,
        owner: UserId,
        id: ImportId,
        action: Option<ImportAction>,
        position: i32,
    ) -> Result<bool, StoreError> {
        let mut sql = self.0.db.sql();
        sql.push("SELECT ").column(Column::Number);
        push_from(&mut sql, owner, id, action);
        sql.push(" AND ").column(Column::Number).push(" <= ").bind(position);
        sql.push(" LIMIT ").bind(1_u64);
        Ok(self.0.db.read_one::<i32>(sql).await?.is_some())
    }
}

fn push_from(sql: &mut Sql, owner: UserId, id: ImportId, action: Option<ImportAction>) {
    sql.push(" FROM ").table(Entity).push(" WHERE ").column(Column::OwnerId).push(" = ");
    sql.bind(owner).push(" AND ").column(Column::JobId).push(" = ").bind(id);
    if let Some(action) = action {
        sql.push(" AND ").column(Column::Action).push(" = ").bind(action);
    }
}
