//! Books. All keys and indexes start with the owner, so that the table can be distributed by owner. A book's id
//! contains the time of its creation, so the primary key is also the index for the default order.

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
            .col(ColumnDef::new("owner_id").uuid().not_null())
            .col(ColumnDef::new("id").uuid().not_null())
            .col(ColumnDef::new("title").text().not_null())
            .col(folded(manager, "title_folded").not_null())
            .col(ColumnDef::new("author").text().not_null())
            .col(folded(manager, "author_folded").not_null())
            .col(ColumnDef::new("isbn").text())
            .col(ColumnDef::new("rating").small_integer())
            .col(ColumnDef::new("notes").text())
            .col(folded(manager, "notes_folded"))
            .col(ColumnDef::new("idempotency_key").text())
            .col(ColumnDef::new("bytes").integer().not_null())
            .col(ColumnDef::new("version").integer().not_null())
            .col(ColumnDef::new("updated_at").big_integer().not_null())
            .primary_key(Index::create().name("books_key").col("owner_id").col("id"))
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
            ("books_by_updated_at", "updated_at"),
            ("books_by_title", "title_folded"),
            ("books_by_author", "author_folded"),
            ("books_by_rating", "rating"),
        ] {
            manager.create_index(on_books(name).col(column).col("id").take()).await?;
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
