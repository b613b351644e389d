//! The size of each library.

use sea_orm::entity::prelude::*;

use crate::id::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "libraries")]
pub struct Model {
    /// The owner of the library. A user who never had a book has no row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) owner_id: UserId,
    /// Updated in the transaction that inserts or deletes a book.
    pub(crate) book_count: i64,
    /// The size of each book in whole kibibytes, rounded up, summed up.
    pub(crate) kibibytes: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
