//! Imports from their start to their end.

use std::time::Duration;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::model::{ImportJob, ImportState, Imports};
use crate::clock::Timestamp;
use crate::entity::import_job::{Column, Entity};
use crate::entity::import_row;
use crate::id::{ImportId, UserId};
use crate::store::PURGE_BATCH_SIZE;
use crate::store::error::{QueryError, StoreError, UniqueConstraint};
use crate::store::events::Event;

/// How many imports of an account are kept. A new one removes the oldest.
const KEPT_IMPORTS: usize = 5;

/// How long imports are kept after their start.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);

/// After how long without a batch a running import counts as abandoned: its process has ended, or has lost the
/// database.
const ABANDONED_AFTER: Duration = Duration::from_secs(30);

/// The result of starting an import.
#[derive(Clone, Debug)]
pub(crate) enum StartOutcome {
    Started,
    /// Another import of the account runs.
    AlreadyRunning,
}

impl Imports<'_> {
    /// Inserts a running import, unless the account has one. An abandoned one is ended before.
    pub(crate) async fn start(&self, job: &ImportJob) -> Result<StartOutcome, StoreError> {
        let now = job.started_at;
        self.end_abandoned(Some(job.owner_id), now).await?;
        let mut sql = self.0.db.sql();
        sql.push("INSERT INTO ").table(Entity).push(" (");
        sql.columns(ImportJob::COLUMNS.iter().copied()).push(", ").column(Column::HeartbeatAt);
        sql.push(") VALUES (").bind(job.owner_id).push(", ").bind(job.id).push(", ");
        sql.bind(job.source).push(", ").bind(job.dry_run).push(", ").bind(job.on_conflict);
        sql.push(", ").bind(job.state);
        let counts = [job.total, job.created, job.updated, job.skipped, job.failed];
        for count in counts {
            sql.push(", ").bind(count);
        }
        sql.push(", ").bind(job.started_at).push(", ").bind(job.finished_at).push(", ");
        sql.bind(now).push(") RETURNING ").column(Column::Id);
        match self.0.db.write::<ImportId>(job.owner_id, sql).await {
            Ok(_) => Ok(StartOutcome::Started),
            Err(QueryError { violated: Some(UniqueConstraint::RunningImport), .. }) => {
                Ok(StartOutcome::AlreadyRunning)
            }
            Err(failed) => Err(failed.error),
        }
    }

    /// The owner's import with this id.
    pub(crate) async fn find(
        &self,
        owner: UserId,
        id: ImportId,
    ) -> Result<Option<ImportJob>, StoreError> {
        Ok(self.find_many(owner, &[id]).await?.pop())
    }

    /// The owner's imports with these ids, in no particular order.
    pub(crate) async fn find_many(
        &self,
        owner: UserId,
        ids: &[ImportId],
    ) -> Result<Vec<ImportJob>, StoreError> {
        let mut sql = self.0.db.sql();
        sql.push("SELECT ").columns(ImportJob::COLUMNS.iter().copied()).push(" FROM ");
        sql.table(Entity).push(" WHERE ").column(Column::OwnerId).push(" = ").bind(owner);
        sql.push(" AND ").column(Column::Id).push(" IN (");
        sql.join(", ", ids, |sql, id| {
            sql.bind(*id);
        });
        sql.push(")");
        Ok(self.0.db.read(sql).await?)
    }

    /// Ends a running import.
    pub(crate) async fn finish(
        &self,
        owner: UserId,
        id: ImportId,
        state: ImportState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut sql = self.0.db.sql();
        sql.push("UPDATE ").table(Entity).push(" SET ").column(Column::State).push(" = ");
        sql.bind(state).push(", ").column(Column::FinishedAt).push(" = ").bind(now);
        sql.push(" WHERE ").column(Column::OwnerId).push(" = ").bind(owner);
        sql.push(" AND ").column(Column::Id).push(" = ").bind(id);
        sql.push(" AND ").column(Column::State).push(" = ").bind(ImportState::Running);
        sql.push(" RETURNING ").column(Column::Id);
        self.0.db.write::<ImportId>(owner, sql).await?;
        Ok(())
    }

    /// Ends imports whose process has ended, of one account or of all, as failed. What they have written stays.
    pub(crate) async fn end_abandoned(
        &self,
        owner: Option<UserId>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let alive_since = now - ABANDONED_AFTER;
        let mut abandoned = Entity::find()
            .filter(Column::State.eq(ImportState::Running))
            .filter(Column::HeartbeatAt.lt(alive_since));
        if let Some(owner) = owner {
            abandoned = abandoned.filter(Column::OwnerId.eq(owner));
        }
        // The rule is that there is none: a read takes no lock.
        for job in abandoned.all(&self.0.db.reader()).await? {
            let ended = Entity::update_many()
                .col_expr(Column::State, Expr::value(ImportState::Failed))
                .col_expr(Column::FinishedAt, Expr::value(now))
                .filter(Column::OwnerId.eq(job.owner_id))
                .filter(Column::Id.eq(job.id))
                .filter(Column::State.eq(ImportState::Running))
                .filter(Column::HeartbeatAt.lt(alive_since))
                .exec(&*self.0.db.writer().await?)
                .await?;
            if ended.rows_affected > 0 {
                tracing::warn!(import = %job.id, "ended an import whose process is gone as failed");
                self.0.events.publish(&[Event::LibraryChanged(job.owner_id)]).await;
            }
        }
        Ok(())
    }

    /// Removes imports of an account beyond [`KEPT_IMPORTS`].
    pub(crate) async fn remove_oldest(&self, owner: UserId) -> Result<(), StoreError> {
        let ids: Vec<ImportId> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::OwnerId.eq(owner))
            .order_by_desc(Column::Id)
            .into_tuple()
            .all(&self.0.db.reader())
            .await?;
        for id in ids.into_iter().skip(KEPT_IMPORTS) {
            self.remove(owner, id).await?;
        }
        Ok(())
    }

    /// Removes imports that started longer ago than [`KEPT_FOR`].
    pub(crate) async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let old = Entity::find()
                .filter(Column::StartedAt.lt(now - KEPT_FOR))
                .filter(Column::State.ne(ImportState::Running))
                .limit(PURGE_BATCH_SIZE)
                .all(&self.0.db.reader())
                .await?;
            if old.is_empty() {
                return Ok(());
            }
            for job in old {
                self.remove(job.owner_id, job.id).await?;
            }
        }
    }

    /// Removes an import with its rows, in steps, so that other writers do not wait for long.
    async fn remove(&self, owner: UserId, id: ImportId) -> Result<(), StoreError> {
        use import_row::Column::{JobId, Number, OwnerId};

        let of_job = || import_row::Entity::find().filter(OwnerId.eq(owner)).filter(JobId.eq(id));
        loop {
            let last: Option<i32> = of_job()
                .select_only()
                .column(Number)
                .order_by_asc(Number)
                .offset(PURGE_BATCH_SIZE)
                .into_tuple()
                .one(&self.0.db.reader())
                .await?;
            let Some(next) = last else { break };
            import_row::Entity::delete_many()
                .filter(OwnerId.eq(owner))
                .filter(JobId.eq(id))
                .filter(Number.lt(next))
                .exec(&*self.0.db.writer().await?)
                .await?;
        }
        // The remaining rows go with their job.
        Entity::delete_many()
            .filter(Column::OwnerId.eq(owner))
            .filter(Column::Id.eq(id))
            .exec(&*self.0.db.writer().await?)
            .await?;
        Ok(())
    }
}
