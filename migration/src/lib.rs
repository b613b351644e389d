//! The migrations of Bookshelf's tables, which are the same on SQLite and PostgreSQL.
//!
//! Timestamps are 64-bit integers, in milliseconds since the Unix epoch. Dates are integers such as 20260327. Ids
//! are UUIDv7. Columns named `…_folded` hold the folded text for uniqueness, sorting and search: without case, and that of
//! books without accents.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

pub use sea_orm_migration;
pub use sea_orm_migration::SchemaManager;

mod m0001_users;
mod m0002_sessions;
mod m0003_books;
mod m0004_failed_logins;
mod m0005_libraries;
mod m0006_publisher;
mod m0007_book_covers;
mod m0008_imports;
mod m0009_exports;
mod migrator;
mod step;

pub use migrator::{DatabaseState, Migrator, UnknownMigration};
pub use step::Step;

/// The migrations in their order, each with the older programs that can use the database after it. No program
/// without the first six was released.
#[must_use]
pub fn steps() -> Vec<Step> {
    vec![
        Step::breaking(m0001_users::Migration),
        Step::breaking(m0002_sessions::Migration),
        Step::breaking(m0003_books::Migration),
        Step::breaking(m0004_failed_logins::Migration),
        Step::breaking(m0005_libraries::Migration),
        Step::breaking(m0006_publisher::Migration),
        Step::compatible(m0007_book_covers::Migration),
        Step::compatible(m0008_imports::Migration),
        Step::compatible(m0009_exports::Migration),
    ]
}

/// A text column that sorts by code point on both databases, whatever the cluster's locale is.
fn folded(manager: &SchemaManager, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.text();
    if manager.get_database_backend() == DbBackend::Postgres {
        column.extra("COLLATE \"C\"");
    }
    column
}
