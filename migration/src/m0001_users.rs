//! Accounts.

use sea_orm_migration::prelude::*;

use crate::folded;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let users = Table::create()
            .table("users")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(ColumnDef::new("username").text().not_null())
            .col(folded(manager, "username_folded").not_null())
            .col(ColumnDef::new("email").text().not_null())
            .col(folded(manager, "email_folded").not_null())
            .col(ColumnDef::new("password_hash").text().not_null())
            .col(ColumnDef::new("created_at").big_integer().not_null())
            .take();
        manager.create_table(users).await?;
        for (name, column) in
            [("users_username_unique", "username_folded"), ("users_email_unique", "email_folded")]
        {
            let index = Index::create().name(name).table("users").col(column).unique().take();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("users").take()).await
    }
}
