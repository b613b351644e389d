//! Refresh tokens: one row per issued token, for as long as its session exists.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::id::SessionId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub struct Model {
    /// SHA-256 of the token; the token itself is not stored.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) token_hash: Vec<u8>,
    pub(crate) session_id: SessionId,
    /// The token that was presented for this one; null for the first token of a session.
    pub(crate) given_for: Option<Vec<u8>>,
    pub(crate) created_at: Timestamp,
    /// Time of its first use; null while it is unused.
    pub(crate) used_at: Option<Timestamp>,
    /// When another token was given instead, since the response with this one seemed to be lost; else null.
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
