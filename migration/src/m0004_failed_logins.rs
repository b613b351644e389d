//! How many wrong passwords were given recently, per account and network.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let failed_logins = Table::create()
            .table("failed_logins")
            .col(ColumnDef::new("bucket_hash").binary_len(32).not_null().primary_key())
            .col(ColumnDef::new("resets_at").big_integer().not_null())
            .take();
        manager.create_table(failed_logins).await?;
        let index = Index::create()
            .name("failed_logins_by_resets_at")
            .table("failed_logins")
            .col("resets_at")
            .take();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("failed_logins").take()).await
    }
}
