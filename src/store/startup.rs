//! Why a database cannot be used, in plain words.

use std::io::{self, ErrorKind};

use anyhow::anyhow;
use migration::{Migrator, MigratorTrait};
use sea_orm::DbErr;

use super::db::Db;
use super::error::error_chain;

/// Why the database could not be opened.
pub(super) fn explain_open_error(error: &anyhow::Error) -> String {
    // Its cause repeats its message.
    if let Some(error) = error.downcast_ref::<rusqlite::Error>() {
        return error.to_string();
    }
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    match kind {
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            "this user may not write the file, or create it in its folder".to_owned()
        }
        Some(ErrorKind::IsADirectory) => "it is a folder; add the name of a file".to_owned(),
        Some(ErrorKind::NotADirectory | ErrorKind::NotFound | ErrorKind::AlreadyExists) => {
            "its folder does not exist and cannot be created".to_owned()
        }
        Some(ErrorKind::StorageFull) => "the disk is full".to_owned(),
        _ => error_chain(error.as_ref()),
    }
}

/// Rejects a database with migrations that this version of the program does not have.
pub(super) async fn check_version(db: &Db) -> anyhow::Result<()> {
    let Err(error) = Migrator::get_migration_with_status_read_only(db.reader().unbounded()).await
    else {
        return Ok(());
    };
    let DbErr::Custom(message) = &error else { return Err(error.into()) };
    // "Migration file of version 'm0007_tags' is missing, this migration has been applied …"
    let unknown: Vec<_> = message.split('\'').skip(1).step_by(2).collect();
    Err(anyhow!(
        "the database was migrated by a newer version of Bookshelf, which has {}; start that version, or restore \
         a backup of the database",
        unknown.join(", ")
    ))
}
