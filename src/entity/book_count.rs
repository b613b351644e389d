//! The number of books of each library.

use sea_orm::entity::prelude::*;

use crate::id::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "book_counts")]
pub struct Model {
    /// The owner of the library. A user who never had a book has no row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) owner_id: UserId,
    /// Maintained by triggers in the transaction that inserts or deletes a book.
    pub(crate) count: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
