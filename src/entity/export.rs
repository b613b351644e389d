//! Links to exports: one row per link that was not used, for as long as its session exists.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::id::SessionId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "exports")]
pub struct Model {
    /// SHA-256 of the token in the link; the token itself is not stored.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) token_hash: Vec<u8>,
    /// The session that asked for the export.
    pub(crate) session_id: SessionId,
    /// The format of the file, as a number.
    pub(crate) format: i16,
    pub(crate) expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
