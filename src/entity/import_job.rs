//! Imports of files.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::id::{ImportId, UserId};

/// The format of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub(crate) enum ImportSource {
    #[sea_orm(num_value = 1)]
    Goodreads,
    #[sea_orm(num_value = 2)]
    Storygraph,
    #[sea_orm(num_value = 3)]
    BookshelfCsv,
    #[sea_orm(num_value = 4)]
    BookshelfJson,
}

/// What happens to a book that the library already has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub(crate) enum ConflictRule {
    /// What is empty in the library is filled.
    #[sea_orm(num_value = 1)]
    Keep,
    /// What the file has a value for is overwritten.
    #[sea_orm(num_value = 2)]
    Replace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub(crate) enum ImportState {
    /// At most one import of an account.
    #[sea_orm(num_value = 1)]
    Running,
    #[sea_orm(num_value = 2)]
    Done,
    #[sea_orm(num_value = 3)]
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "import_jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) owner_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: ImportId,
    pub(crate) source: ImportSource,
    pub(crate) dry_run: bool,
    pub(crate) on_conflict: ConflictRule,
    pub(crate) state: ImportState,
    /// Rows of the file.
    pub(crate) total: i32,
    /// Rows so far whose book was created; so are the following counts.
    pub(crate) created: i32,
    pub(crate) updated: i32,
    pub(crate) skipped: i32,
    pub(crate) failed: i32,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    /// When the process that runs the import last wrote to it.
    pub(crate) heartbeat_at: Timestamp,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
