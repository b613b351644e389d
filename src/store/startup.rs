//! Why a database cannot be used, in plain words.

use std::io::{self, ErrorKind};

use anyhow::bail;
use migration::{DatabaseState, UnknownMigration};

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

/// Rejects a database that this version of the program cannot use.
pub(super) fn check_version(state: &DatabaseState) -> anyhow::Result<()> {
    let incompatible: Vec<_> =
        state.unknown.iter().filter(|migration| !migration.is_compatible).map(name).collect();
    if !incompatible.is_empty() {
        bail!(
            "the database was migrated by a newer version of Bookshelf, which has {}, and this version cannot use it; \
             start that version, or restore a backup of the database",
            incompatible.join(", ")
        );
    }
    // A newer version has all migrations of this one.
    let pending = state.migrations.iter().filter(|(_, is_applied)| !is_applied);
    let pending: Vec<_> = pending.map(|(name, _)| name.as_str()).collect();
    if !state.unknown.is_empty() && !pending.is_empty() {
        let unknown: Vec<_> = state.unknown.iter().map(name).collect();
        bail!(
            "the database was migrated by another version of Bookshelf: it has {}, which this version does not have, and \
             lacks {}; start that version, or restore a backup of the database",
            unknown.join(", "),
            pending.join(", ")
        );
    }
    Ok(())
}

fn name(migration: &UnknownMigration) -> &str {
    &migration.name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(is_applied: bool, unknown: &[(&str, bool)]) -> DatabaseState {
        let unknown = unknown.iter().map(|&(name, is_compatible)| {
            let name = name.to_owned();
            UnknownMigration { name, is_compatible }
        });
        let migrations =
            vec![("m0001_users".to_owned(), true), ("m0002_tags".to_owned(), is_applied)];
        DatabaseState { migrations, unknown: unknown.collect() }
    }

    #[test]
    fn a_database_with_compatible_migrations_of_a_newer_version_is_accepted() {
        for (is_applied, unknown) in
            [(true, &[][..]), (false, &[]), (true, &[("m0003_loans", true), ("m0004_shops", true)])]
        {
            check_version(&state(is_applied, unknown)).expect("a database that can be used");
        }
        let both = [("m0003_loans", true), ("m0004_shops", false)];
        let error = check_version(&state(true, &both)).expect_err("incompatible").to_string();
        assert!(error.contains("which has m0004_shops, and"), "{error}");
        let error =
            check_version(&state(false, &both[..1])).expect_err("another branch").to_string();
        assert!(
            error.contains("it has m0003_loans") && error.contains("lacks m0002_tags"),
            "{error}"
        );
    }
}
