//! Covers without a book, whose files are to be removed. Triggers insert the rows.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "removed_covers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) key: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
