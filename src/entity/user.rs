//! Accounts.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::id::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: UserId,
    /// As typed.
    pub(crate) username: String,
    /// Folded username; unique.
    pub(crate) username_folded: String,
    /// As typed.
    pub(crate) email: String,
    /// Folded email address; unique.
    pub(crate) email_folded: String,
    /// bcrypt hash, in the usual `$2b$…` format.
    pub(crate) password_hash: String,
    pub(crate) created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
