//! Books, with one index for each sort order.

use sea_orm_migration::prelude::*;

use crate::folded;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let rating = Expr::col("rating");
        let books = Table::create()
            .table("books")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(ColumnDef::new("owner_id").uuid().not_null())
            .col(ColumnDef::new("title").text().not_null())
            .col(folded(manager, "title_folded").not_null())
            .col(ColumnDef::new("author").text().not_null())
            .col(folded(manager, "author_folded").not_null())
            .col(ColumnDef::new("isbn").text())
            .col(ColumnDef::new("rating").small_integer())
            .col(ColumnDef::new("notes").text())
            .col(folded(manager, "notes_folded"))
            .col(ColumnDef::new("idempotency_key").text())
            .col(ColumnDef::new("version").integer().not_null())
            .col(ColumnDef::new("created_at").big_integer().not_null())
            .col(ColumnDef::new("updated_at").big_integer().not_null())
            .check(("books_rating_range", rating.between(1, 5)))
            .foreign_key(
                ForeignKey::create()
                    .name("books_owner")
                    .from("books", "owner_id")
                    .to("users", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        manager.create_table(books).await?;

        for (name, column) in
            [("books_isbn_unique", "isbn"), ("books_idempotency_key_unique", "idempotency_key")]
        {
            let index = on_books(name)
                .col(column)
                .unique()
                .and_where(Expr::col(column).is_not_null())
                .take();
            manager.create_index(index).await?;
        }
        for (name, column) in [
            ("books_by_created_at", "created_at"),
            ("books_by_updated_at", "updated_at"),
            ("books_by_title", "title_folded"),
            ("books_by_author", "author_folded"),
        ] {
            manager.create_index(on_books(name).col(column).col("id").take()).await?;
        }
        // Books without a rating come last in both directions, so each direction has its own value for them.
        for (name, when_unrated) in [("books_by_rating_desc", "0"), ("books_by_rating_asc", "6")] {
            // sea-query cannot create an index on an expression for SQLite.
            let index = format!(
                "CREATE INDEX {name} ON books (owner_id, coalesce(rating, {when_unrated}), id)"
            );
            manager.get_connection().execute_unprepared(&index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("books").take()).await
    }
}

/// An index whose first column is the owner, because every list of books is filtered by owner.
fn on_books(name: &'static str) -> IndexCreateStatement {
    Index::create().name(name).table("books").col("owner_id").take()
}
