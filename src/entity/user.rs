//! Accounts.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::id::UserId;

/// A bcrypt hash, in the usual `$2b$…` format. It cannot be printed.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    pub(crate) fn new(hash: String) -> Self {
        Self(hash)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

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
    pub(crate) password_hash: PasswordHash,
    pub(crate) created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
