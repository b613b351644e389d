//! Recent wrong passwords. One row per bucket: an email address that was tried, whether it has an account or not, from
//! one network or from all, at the sign-in or by a signed-in user.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "failed_logins")]
pub struct Model {
    /// SHA-256 of the purpose, the network and the folded email address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) bucket_hash: Vec<u8>,
    /// When all of them have expired, if no more follow: each adds the interval of the bucket.
    pub(crate) resets_at: Timestamp,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
