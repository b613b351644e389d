//! The publishers of books.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let publisher = ColumnDef::new("publisher").text().take();
        manager.alter_table(Table::alter().table("books").add_column(publisher).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("books").drop_column("publisher").take()).await
    }
}
