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
            .col(ColumnDef::new("status").small_integer())
            .col(ColumnDef::new("started_on").integer())
            .col(ColumnDef::new("finished_on").integer())
            .col(ColumnDef::new("read_count").integer().not_null().default(0))
            .col(ColumnDef::new("published_year").small_integer())
            .col(ColumnDef::new("page_count").integer())
            .col(ColumnDef::new("tags").text())
            .col(folded(manager, "tags_folded"))
            .col(folded(manager, "tag_keys"))
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
        // Has all that statistics read. Books without a status and without an end date are not in it: they need no
        // statistics, and their inserts take no longer.
        let is_tracked =
            Expr::col("status").is_not_null().or(Expr::col("finished_on").is_not_null());
        let statistics = on_books("books_by_reading")
            .col("status")
            .col("finished_on")
            .col("page_count")
            .col("rating")
            .and_where(is_tracked)
            .take();
        manager.create_index(statistics).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("books").take()).await
    }
}

/// An index whose first column is the owner, because every list of books is filtered by owner.
fn on_books(name: &'static str) -> IndexCreateStatement {
    Index::create().name(name).table("books").col("owner_id").take()
}
