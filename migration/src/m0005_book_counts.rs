//! The number of books in each library, maintained by triggers, so that a total needs no `count(*)`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Inserts are single rows. Deleting an account deletes many rows: a statement-level trigger avoids one
/// dead row version per book.
const POSTGRES_TRIGGERS: [&str; 4] = [
    "CREATE FUNCTION book_counts_increment() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       INSERT INTO book_counts (owner_id, count) VALUES (NEW.owner_id, 1)
       ON CONFLICT (owner_id) DO UPDATE SET count = book_counts.count + 1;
       RETURN NULL;
     END $$",
    "CREATE FUNCTION book_counts_decrement() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       UPDATE book_counts SET count = book_counts.count - deleted.count
       FROM (SELECT owner_id, count(*) AS count FROM deleted_books GROUP BY owner_id) AS deleted
       WHERE book_counts.owner_id = deleted.owner_id;
       RETURN NULL;
     END $$",
    "CREATE TRIGGER book_counts_increment AFTER INSERT ON books
     FOR EACH ROW EXECUTE FUNCTION book_counts_increment()",
    "CREATE TRIGGER book_counts_decrement AFTER DELETE ON books
     REFERENCING OLD TABLE AS deleted_books
     FOR EACH STATEMENT EXECUTE FUNCTION book_counts_decrement()",
];

const SQLITE_TRIGGERS: [&str; 2] = [
    "CREATE TRIGGER book_counts_increment AFTER INSERT ON books BEGIN
       INSERT INTO book_counts (owner_id, count) VALUES (NEW.owner_id, 1)
       ON CONFLICT (owner_id) DO UPDATE SET count = book_counts.count + 1;
     END",
    "CREATE TRIGGER book_counts_decrement AFTER DELETE ON books BEGIN
       UPDATE book_counts SET count = count - 1 WHERE owner_id = OLD.owner_id;
     END",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut book_counts = Table::create()
            .table("book_counts")
            .col(ColumnDef::new("owner_id").uuid().not_null().primary_key())
            .col(ColumnDef::new("count").big_integer().not_null())
            .check(("book_counts_count", Expr::col("count").gte(0)))
            .foreign_key(
                ForeignKey::create()
                    .name("book_counts_owner")
                    .from("book_counts", "owner_id")
                    .to("users", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        let triggers: &[&str] = match manager.get_database_backend() {
            DbBackend::Postgres => {
                // Leaves space on each page for the next row version, so that an update changes no index (HOT).
                book_counts.extra("WITH (fillfactor = 50)");
                &POSTGRES_TRIGGERS
            }
            _ => {
                book_counts.extra("WITHOUT ROWID");
                &SQLITE_TRIGGERS
            }
        };
        manager.create_table(book_counts).await?;
        // Triggers first: creating them waits for concurrent inserts, so the counts stay correct.
        let db = manager.get_connection();
        for trigger in triggers {
            db.execute_unprepared(trigger).await?;
        }
        let count = "INSERT INTO book_counts (owner_id, count)
                     SELECT owner_id, count(*) FROM books GROUP BY owner_id";
        db.execute_unprepared(count).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared(
                "DROP FUNCTION book_counts_increment, book_counts_decrement CASCADE",
            )
            .await?;
        } else {
            for trigger in ["book_counts_increment", "book_counts_decrement"] {
                db.execute_unprepared(&format!("DROP TRIGGER {trigger}")).await?;
            }
        }
        manager.drop_table(Table::drop().table("book_counts").take()).await
    }
}
