//! The publishers of books.

use sea_orm_migration::prelude::*;

use crate::folded;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds and drops one column per statement.
        for column in
            [ColumnDef::new("publisher").text().take(), folded(manager, "publisher_folded")]
        {
            let add = Table::alter().table("books").add_column(column).take();
            manager.alter_table(add).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["publisher_folded", "publisher"] {
            let drop = Table::alter().table("books").drop_column(column).take();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}
