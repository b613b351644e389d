//! The covers of books, and the keys of covers whose files are to be removed.
//!
//! Triggers queue the key of each cover that is deleted or replaced, by whatever statement: also if its book or its account
//! is deleted.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const POSTGRES: &[&str] = &[
    "CREATE FUNCTION book_covers_queue_removal() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       INSERT INTO removed_covers (key) VALUES (OLD.key) ON CONFLICT DO NOTHING;
       RETURN NULL;
     END $$",
    "CREATE TRIGGER book_covers_deleted AFTER DELETE ON book_covers FOR EACH ROW
     EXECUTE FUNCTION book_covers_queue_removal()",
    "CREATE TRIGGER book_covers_replaced AFTER UPDATE OF key ON book_covers FOR EACH ROW
     WHEN (OLD.key <> NEW.key) EXECUTE FUNCTION book_covers_queue_removal()",
];

const SQLITE: &[&str] = &[
    "CREATE TRIGGER book_covers_deleted AFTER DELETE ON book_covers BEGIN
       INSERT INTO removed_covers (key) VALUES (OLD.key) ON CONFLICT DO NOTHING;
     END",
    "CREATE TRIGGER book_covers_replaced AFTER UPDATE OF key ON book_covers
     WHEN OLD.key <> NEW.key BEGIN
       INSERT INTO removed_covers (key) VALUES (OLD.key) ON CONFLICT DO NOTHING;
     END",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut covers = Table::create()
            .table("book_covers")
            .col(ColumnDef::new("owner_id").uuid().not_null())
            .col(ColumnDef::new("book_id").uuid().not_null())
            .col(ColumnDef::new("key").text().not_null().unique_key())
            .col(ColumnDef::new("width").integer().not_null())
            .col(ColumnDef::new("height").integer().not_null())
            .col(ColumnDef::new("bytes").integer().not_null())
            .primary_key(Index::create().name("book_covers_key").col("owner_id").col("book_id"))
            .foreign_key(
                ForeignKey::create()
                    .name("book_covers_book")
                    .from("book_covers", ("owner_id", "book_id"))
                    .to("books", ("owner_id", "id"))
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        let mut removed = Table::create()
            .table("removed_covers")
            .col(ColumnDef::new("key").text().not_null().primary_key())
            .take();
        let triggers = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => {
                covers.extra("WITHOUT ROWID");
                removed.extra("WITHOUT ROWID");
                SQLITE
            }
        };
        manager.create_table(covers).await?;
        manager.create_table(removed).await?;
        let db = manager.get_connection();
        for trigger in triggers {
            db.execute_unprepared(trigger).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["book_covers", "removed_covers"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            let function = "DROP FUNCTION book_covers_queue_removal";
            manager.get_connection().execute_unprepared(function).await?;
        }
        Ok(())
    }
}
