//! Libraries: what is known of all books of an account together.

use sea_orm::entity::prelude::*;

use crate::id::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "libraries")]
pub struct Model {
    /// An account that has, or had, a book.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) owner_id: UserId,
    /// How many it has. Triggers keep it, in the transaction in which a book comes or goes.
    pub(crate) books: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
