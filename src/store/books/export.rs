//! Reading a whole library in parts.

use super::model::{Book, BookColumns, Column};
use super::read::Books;
use crate::entity::book::Entity;
use crate::id::{BookId, UserId};
use crate::store::error::StoreError;

impl Books<'_> {
    /// The next books of a library after this one, oldest first; at most `limit`.
    pub(crate) async fn next_oldest(
        &self,
        owner: UserId,
        after: Option<BookId>,
        limit: u64,
    ) -> Result<Vec<Book>, StoreError> {
        let mut sql = self.0.db.sql();
        sql.push("SELECT ").columns(BookColumns::all().to_select());
        sql.push(" FROM ").table(Entity).push(" WHERE ");
        sql.column(Column::OwnerId).push(" = ").bind(owner);
        if let Some(after) = after {
            sql.push(" AND ").column(Column::Id).push(" > ").bind(after);
        }
        sql.push(" ORDER BY ").column(Column::Id).push(" LIMIT ").bind(limit);
        Ok(self.0.db.read(sql).await?)
    }
}
