//! What became of the rows of imported files.

use sea_orm::entity::prelude::*;

use crate::id::{BookId, ImportId, UserId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub(crate) enum ImportAction {
    #[sea_orm(num_value = 1)]
    Created,
    #[sea_orm(num_value = 2)]
    Updated,
    #[sea_orm(num_value = 3)]
    Skipped,
    #[sea_orm(num_value = 4)]
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "import_rows")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) owner_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) job_id: ImportId,
    /// Position in the file, starting at 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) number: i32,
    /// The line of the file in which the row starts; the header is line 1.
    pub(crate) line: i32,
    pub(crate) action: ImportAction,
    pub(crate) title: Option<String>,
    /// The book may have been deleted since.
    pub(crate) book_id: Option<BookId>,
    /// One note on each line.
    pub(crate) notes: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
