//! How many books each library has, kept with every book that comes and goes, so that nobody counts them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Books come one by one. They go many at once, with their account: then one update a statement does,
/// where one a row would leave a version of the library's row behind for each.
const POSTGRES_TRIGGERS: [&str; 4] = [
    "CREATE FUNCTION library_grows() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       INSERT INTO libraries (owner_id, books) VALUES (NEW.owner_id, 1)
       ON CONFLICT (owner_id) DO UPDATE SET books = libraries.books + 1;
       RETURN NULL;
     END $$",
    "CREATE FUNCTION library_shrinks() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       UPDATE libraries SET books = libraries.books - gone.books
       FROM (SELECT owner_id, count(*) AS books FROM gone_books GROUP BY owner_id) AS gone
       WHERE libraries.owner_id = gone.owner_id;
       RETURN NULL;
     END $$",
    "CREATE TRIGGER library_grows AFTER INSERT ON books
     FOR EACH ROW EXECUTE FUNCTION library_grows()",
    "CREATE TRIGGER library_shrinks AFTER DELETE ON books
     REFERENCING OLD TABLE AS gone_books
     FOR EACH STATEMENT EXECUTE FUNCTION library_shrinks()",
];

const SQLITE_TRIGGERS: [&str; 2] = [
    "CREATE TRIGGER library_grows AFTER INSERT ON books BEGIN
       INSERT INTO libraries (owner_id, books) VALUES (NEW.owner_id, 1)
       ON CONFLICT (owner_id) DO UPDATE SET books = libraries.books + 1;
     END",
    "CREATE TRIGGER library_shrinks AFTER DELETE ON books BEGIN
       UPDATE libraries SET books = books - 1 WHERE owner_id = OLD.owner_id;
     END",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut libraries = Table::create()
            .table("libraries")
            .col(ColumnDef::new("owner_id").uuid().not_null().primary_key())
            .col(ColumnDef::new("books").big_integer().not_null())
            .check(("libraries_books", Expr::col("books").gte(0)))
            .foreign_key(
                ForeignKey::create()
                    .name("libraries_owner")
                    .from("libraries", "owner_id")
                    .to("users", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        let triggers: &[&str] = match manager.get_database_backend() {
            DbBackend::Postgres => {
                // Room for the next version of a row beside it: then no index has to know of it.
                libraries.extra("WITH (fillfactor = 50)");
                &POSTGRES_TRIGGERS
            }
            _ => {
                libraries.extra("WITHOUT ROWID");
                &SQLITE_TRIGGERS
            }
        };
        manager.create_table(libraries).await?;
        // First the triggers, which wait for whoever is adding a book: what is counted then stays so.
        let db = manager.get_connection();
        for trigger in triggers {
            db.execute_unprepared(trigger).await?;
        }
        let count = "INSERT INTO libraries (owner_id, books)
                     SELECT owner_id, count(*) FROM books GROUP BY owner_id";
        db.execute_unprepared(count).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared("DROP FUNCTION library_grows, library_shrinks CASCADE").await?;
        } else {
            for trigger in ["library_grows", "library_shrinks"] {
                db.execute_unprepared(&format!("DROP TRIGGER {trigger}")).await?;
            }
        }
        manager.drop_table(Table::drop().table("libraries").take()).await
    }
}
