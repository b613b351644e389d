//! The queue of covers whose files are to be removed. Triggers fill it (see `m0007_book_covers.rs`).

use std::collections::HashSet;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::covers::Covers;
use super::error::StoreError;
use crate::entity::book_cover;
use crate::entity::removed_cover::{Column, Entity};

impl Store {
    /// Wakes the task that removes files, since a change may have queued some.
    pub(super) fn wake_cover_removal(&self) {
        self.cover_removal.notify_one();
    }
}

impl Covers<'_> {
    /// Waits until a change of this instance may have queued a cover, from the last call on.
    pub(crate) async fn removal_requested(&self) {
        self.0.cover_removal.notified().await;
    }

    /// The queued keys after this one, in ascending order; at most `limit`.
    pub(crate) async fn queued_for_removal(
        &self,
        after: &str,
        limit: u64,
    ) -> Result<Vec<String>, StoreError> {
        let keys = Entity::find()
            .select_only()
            .column(Column::Key)
            .filter(Column::Key.gt(after))
            .order_by_asc(Column::Key)
            .limit(limit)
            .into_tuple();
        Ok(keys.all(&self.0.db.reader()).await?)
    }

    /// Takes keys from the queue, since their files are removed. Another instance may have removed the same.
    pub(crate) async fn files_removed(&self, keys: Vec<String>) -> Result<(), StoreError> {
        if !keys.is_empty() {
            let rows = Entity::delete_many().filter(Column::Key.is_in(keys));
            rows.exec(&*self.0.db.writer().await?).await?;
        }
        Ok(())
    }

    /// Those of the keys that are covers of books.
    pub(crate) async fn in_use(&self, keys: Vec<String>) -> Result<HashSet<String>, StoreError> {
        let found = book_cover::Entity::find()
            .select_only()
            .column(book_cover::Column::Key)
            .filter(book_cover::Column::Key.is_in(keys))
            .into_tuple::<String>();
        Ok(found.all(&self.0.db.reader()).await?.into_iter().collect())
    }
}
