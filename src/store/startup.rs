//! Whether a database can be used.

use anyhow::anyhow;
use migration::{Migrator, MigratorTrait};
use sea_orm::DbErr;

use super::db::Db;

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
