//! Wrong passwords, counted per account across all instances. An account may have a burst of wrong
//! passwords, then one per minute.

use std::time::Duration;

use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};
use sha2::{Digest, Sha256};

use super::{PURGE_BATCH_SIZE, Store, StoreError};
use crate::clock::Timestamp;
use crate::entity::failed_login::{Column, Entity};

/// How long a wrong password counts, after those before it have expired.
const RESET_AFTER: Duration = Duration::from_secs(60);

/// Identifies an account, which may not exist, without storing its email address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccountHash([u8; 32]);

impl AccountHash {
    /// The hash of a folded email address.
    pub(crate) fn new(email_folded: &str) -> Self {
        Self(Sha256::digest(email_folded).into())
    }
}

/// The statements about wrong passwords.
#[derive(Debug)]
pub(crate) struct FailedLogins<'a>(&'a Store);

impl Store {
    pub(crate) fn failed_logins(&self) -> FailedLogins<'_> {
        FailedLogins(self)
    }
}

impl FailedLogins<'_> {
    /// Counts an attempt before it is made, so that parallel attempts get no more than consecutive ones.
    /// If `burst` attempts count already, the attempt must not be made, and the error is the time to wait.
    pub(crate) async fn try_acquire(
        &self,
        account: AccountHash,
        burst: u32,
        now: Timestamp,
    ) -> Result<Result<(), Duration>, StoreError> {
        let latest = now + RESET_AFTER * burst.saturating_sub(1);
        let stored = Expr::col((Entity, Column::ResetsAt));
        let from: Expr =
            CaseStatement::new().case(stored.clone().gt(now), stored.clone()).finally(now).into();
        let resets_at = from.add(millis(RESET_AFTER));
        let mut insert = Query::insert();
        insert
            .into_table(Entity)
            .columns([Column::AccountHash, Column::ResetsAt])
            .values_panic([account.0.to_vec().into(), (now + RESET_AFTER).into()])
            .on_conflict(
                OnConflict::column(Column::AccountHash)
                    .value(Column::ResetsAt, resets_at)
                    .action_and_where(stored.lte(latest))
                    .to_owned(),
            )
            .returning_col(Column::ResetsAt);
        if !self.0.db.writer().await?.query_all(&insert).await?.is_empty() {
            return Ok(Ok(()));
        }
        let resets_at = Entity::find()
            .select_only()
            .column(Column::ResetsAt)
            .filter(Column::AccountHash.eq(account.0.to_vec()))
            .into_tuple::<Timestamp>()
            .one(&*self.0.db.writer().await?)
            .await?;
        let retry_after =
            resets_at.map_or(Duration::ZERO, |resets_at| resets_at.duration_since(latest));
        Ok(Err(retry_after.clamp(Duration::from_secs(1), RESET_AFTER)))
    }

    /// Removes a counted attempt that did not fail.
    pub(crate) async fn refund(&self, account: AccountHash) -> Result<(), StoreError> {
        let earlier = Expr::col(Column::ResetsAt).sub(millis(RESET_AFTER));
        Entity::update_many()
            .col_expr(Column::ResetsAt, earlier)
            .filter(Column::AccountHash.eq(account.0.to_vec()))
            .exec(&*self.0.db.writer().await?)
            .await?;
        Ok(())
    }

    /// Deletes expired rows in batches.
    pub(crate) async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let expired = Entity::find()
                .select_only()
                .column(Column::AccountHash)
                .filter(Column::ResetsAt.lte(now))
                .limit(PURGE_BATCH_SIZE)
                .into_query();
            let rows = Entity::delete_many().filter(Column::AccountHash.in_subquery(expired));
            if rows.exec(&*self.0.db.writer().await?).await?.rows_affected == 0 {
                return Ok(());
            }
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
