//! Sessions: one row from sign-in until the session ends.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    /// The `User-Agent` of the client that signed in.
    pub(crate) user_agent: Option<String>,
    pub(crate) created_at: Timestamp,
    /// Time of the sign-in or of the latest refresh.
    pub(crate) last_used_at: Timestamp,
    /// When its newest refresh token expires: at the latest when the session ends.
    pub(crate) expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
