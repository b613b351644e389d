//! The covers of books.

use sea_orm::entity::prelude::*;

use crate::id::{BookId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "book_covers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) owner_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) book_id: BookId,
    /// Identifies the files of the cover. Each cover has its own.
    #[sea_orm(unique)]
    pub(crate) key: String,
    /// Of the largest size, in pixels.
    pub(crate) width: i32,
    /// Of the largest size, in pixels.
    pub(crate) height: i32,
    /// Bytes of all sizes together. The `bytes` of the book contain them.
    pub(crate) bytes: i32,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
