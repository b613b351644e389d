//! The tables of Bookshelf, step by step: the same on SQLite and PostgreSQL.
//!
//! Instants are 64-bit integers, milliseconds since the Unix epoch; keys are UUIDv7; columns named
//! `…_key` hold the folded text (NFKC, lower case) that uniqueness, order and search go by.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

pub use sea_orm_migration::{Migration, MigrationStatus, MigratorTrait};

mod m0001_users;
mod m0002_sessions;
mod m0003_books;
mod m0004_failed_logins;
mod m0005_book_counts;

/// Runs the steps in their order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_users::Migration),
            Box::new(m0002_sessions::Migration),
            Box::new(m0003_books::Migration),
            Box::new(m0004_failed_logins::Migration),
            Box::new(m0005_book_counts::Migration),
        ]
    }
}

/// A text column that orders by code point on both databases, whatever the locale of the cluster.
fn folded(manager: &SchemaManager, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.text();
    if manager.get_database_backend() == DbBackend::Postgres {
        column.extra("COLLATE \"C\"");
    }
    column
}
