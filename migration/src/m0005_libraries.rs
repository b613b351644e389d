//! The size of each library, so that neither a total nor a quota needs a scan.
//!
//! SQLite keeps it by triggers. On PostgreSQL a trigger for each row would make the time of a statement grow with
//! the square of its rows, and one for each statement would take a tenth of the time of an insert. So there the
//! statements that insert, resize or delete a book update it themselves, and `bookshelf recount` repairs it after
//! statements of others.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The size of a book is counted in whole kibibytes. Few updates change it.
const TRIGGERS: &[&str] = &[
    "CREATE TRIGGER libraries_add AFTER INSERT ON books BEGIN
       INSERT INTO libraries (owner_id, book_count, kibibytes)
       VALUES (NEW.owner_id, 1, (NEW.bytes + 1023) / 1024)
       ON CONFLICT (owner_id) DO UPDATE
       SET book_count = book_count + 1, kibibytes = kibibytes + excluded.kibibytes;
     END",
    "CREATE TRIGGER libraries_remove AFTER DELETE ON books BEGIN
       UPDATE libraries
       SET book_count = book_count - 1, kibibytes = kibibytes - (OLD.bytes + 1023) / 1024
       WHERE owner_id = OLD.owner_id;
     END",
    "CREATE TRIGGER libraries_resize AFTER UPDATE OF bytes ON books
     WHEN (OLD.bytes + 1023) / 1024 <> (NEW.bytes + 1023) / 1024 BEGIN
       UPDATE libraries
       SET kibibytes = kibibytes + (NEW.bytes + 1023) / 1024 - (OLD.bytes + 1023) / 1024
       WHERE owner_id = NEW.owner_id;
     END",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut libraries = Table::create()
            .table("libraries")
            .col(ColumnDef::new("owner_id").uuid().not_null().primary_key())
            .col(ColumnDef::new("book_count").big_integer().not_null())
            .col(ColumnDef::new("kibibytes").big_integer().not_null())
            .foreign_key(
                ForeignKey::create()
                    .name("libraries_owner")
                    .from("libraries", "owner_id")
                    .to("users", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        let triggers = match manager.get_database_backend() {
            DbBackend::Postgres => {
                // Leaves space on each page for the next row version, so that an update changes no index (HOT).
                libraries.extra("WITH (fillfactor = 50)");
                // The program's statements do it.
                &[]
            }
            _ => {
                libraries.extra("WITHOUT ROWID");
                TRIGGERS
            }
        };
        manager.create_table(libraries).await?;
        let db = manager.get_connection();
        for trigger in triggers {
            db.execute_unprepared(trigger).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Sqlite {
            for trigger in ["libraries_add", "libraries_remove", "libraries_resize"] {
                db.execute_unprepared(&format!("DROP TRIGGER {trigger}")).await?;
            }
        }
        manager.drop_table(Table::drop().table("libraries").take()).await
    }
}
