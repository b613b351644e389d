//! Sign-ins: one row from the moment somebody signs in until the session ends.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    /// What the client called itself when it signed in.
    pub(crate) user_agent: Option<String>,
    pub(crate) created_at: Timestamp,
    /// The last sign-in or refresh.
    pub(crate) last_used_at: Timestamp,
    /// When its youngest refresh token expires.
    pub(crate) expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
