//! Wrong passwords, counted in buckets across all instances. A bucket has room for a burst of wrong passwords, and
//! each of them leaves it after an interval (GCRA).

use std::time::Duration;

use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};
use sha2::{Digest, Sha256};

use super::{PURGE_BATCH_SIZE, Store, StoreError};
use crate::client_ip::ClientPrefix;
use crate::clock::Timestamp;
use crate::entity::failed_login::{Column, Entity};

/// What a password is verified for. Each purpose has its own buckets, so that strangers who guess at the sign-in do
/// not keep a signed-in user from proving the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    SignIn,
    /// A signed-in user proves the password, for example to change it.
    Proof,
}

/// Identifies a bucket of an account, which may not exist, without storing its email address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BucketHash([u8; 32]);

impl BucketHash {
    /// The bucket of an account, by its folded email address: for attempts from one network, or from all if `network`
    /// is `None`.
    pub(crate) fn new(purpose: Purpose, email_folded: &str, network: Option<ClientPrefix>) -> Self {
        let purpose = match purpose {
            Purpose::SignIn => "sign-in",
            Purpose::Proof => "proof",
        };
        let network = network.map(|network| network.to_string()).unwrap_or_default();
        Self(Sha256::digest(format!("{purpose}\0{network}\0{email_folded}")).into())
    }
}

/// A bucket with its size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    pub(crate) hash: BucketHash,
    /// How many wrong passwords it holds; at least one.
    pub(crate) burst: u32,
    /// How long it takes until one of them has left.
    pub(crate) interval: Duration,
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
    /// Counts an attempt in all buckets before it is made, so that parallel attempts get no more than consecutive
    /// ones. If one of them is full, the attempt counts in none and must not be made; the error is the time to wait.
    pub(crate) async fn try_acquire(
        &self,
        buckets: &[Bucket],
        now: Timestamp,
    ) -> Result<Result<(), Duration>, StoreError> {
        let transaction = self.0.db.begin().await?;
        for bucket in buckets {
            if let Err(retry_after) = acquire(&*transaction, bucket, now).await? {
                transaction.rollback().await?;
                return Ok(Err(retry_after));
            }
        }
        transaction.commit().await?;
        Ok(Ok(()))
    }

    /// Removes a counted attempt that did not fail.
    pub(crate) async fn refund(&self, buckets: &[Bucket]) -> Result<(), StoreError> {
        let transaction = self.0.db.begin().await?;
        for bucket in buckets {
            let earlier = Expr::col(Column::ResetsAt).sub(millis(bucket.interval));
            Entity::update_many()
                .col_expr(Column::ResetsAt, earlier)
                .filter(Column::BucketHash.eq(bucket.hash.0.to_vec()))
                .exec(&*transaction)
                .await?;
        }
        transaction.commit().await
    }

    /// Deletes expired rows in batches.
    pub(crate) async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let expired = Entity::find()
                .select_only()
                .column(Column::BucketHash)
                .filter(Column::ResetsAt.lte(now))
                .limit(PURGE_BATCH_SIZE)
                .into_query();
            let rows = Entity::delete_many().filter(Column::BucketHash.in_subquery(expired));
            if rows.exec(&*self.0.db.writer().await?).await?.rows_affected == 0 {
                return Ok(());
            }
        }
    }
}

/// Counts an attempt in a bucket. If it is full, the error is the time until there is room.
async fn acquire<C: ConnectionTrait>(
    connection: &C,
    bucket: &Bucket,
    now: Timestamp,
) -> Result<Result<(), Duration>, StoreError> {
    let latest = now + bucket.interval * bucket.burst.saturating_sub(1);
    let stored = Expr::col((Entity, Column::ResetsAt));
    let from: Expr =
        CaseStatement::new().case(stored.clone().gt(now), stored.clone()).finally(now).into();
    let resets_at = from.add(millis(bucket.interval));
    let mut insert = Query::insert();
    insert
        .into_table(Entity)
        .columns([Column::BucketHash, Column::ResetsAt])
        .values_panic([bucket.hash.0.to_vec().into(), (now + bucket.interval).into()])
        .on_conflict(
            OnConflict::column(Column::BucketHash)
                .value(Column::ResetsAt, resets_at)
                .action_and_where(stored.lte(latest))
                .to_owned(),
        )
        .returning_col(Column::ResetsAt);
    if !connection.query_all(&insert).await?.is_empty() {
        return Ok(Ok(()));
    }
    let resets_at = Entity::find()
        .select_only()
        .column(Column::ResetsAt)
        .filter(Column::BucketHash.eq(bucket.hash.0.to_vec()))
        .into_tuple::<Timestamp>()
        .one(connection)
        .await?;
    let wait = resets_at.map_or(Duration::ZERO, |resets_at| resets_at.duration_since(latest));
    Ok(Err(wait.clamp(Duration::from_secs(1), bucket.interval.max(Duration::from_secs(1)))))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
