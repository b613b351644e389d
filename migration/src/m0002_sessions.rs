//! Sessions and their refresh tokens.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sessions = Table::create()
            .table("sessions")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(ColumnDef::new("user_id").uuid().not_null())
            .col(ColumnDef::new("user_agent").text())
            .col(ColumnDef::new("created_at").big_integer().not_null())
            .col(ColumnDef::new("last_used_at").big_integer().not_null())
            .col(ColumnDef::new("expires_at").big_integer().not_null())
            .foreign_key(
                ForeignKey::create()
                    .name("sessions_user")
                    .from("sessions", "user_id")
                    .to("users", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        manager.create_table(sessions).await?;

        let refresh_tokens = Table::create()
            .table("refresh_tokens")
            .col(ColumnDef::new("token_hash").binary_len(32).not_null().primary_key())
            .col(ColumnDef::new("session_id").uuid().not_null())
            .col(ColumnDef::new("given_for").binary_len(32))
            .col(ColumnDef::new("created_at").big_integer().not_null())
            .col(ColumnDef::new("used_at").big_integer())
            .col(ColumnDef::new("revoked_at").big_integer())
            .col(ColumnDef::new("expires_at").big_integer().not_null())
            .foreign_key(
                ForeignKey::create()
                    .name("refresh_tokens_session")
                    .from("refresh_tokens", "session_id")
                    .to("sessions", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        manager.create_table(refresh_tokens).await?;

        for (name, table, columns) in [
            ("sessions_user_newest", "sessions", vec!["user_id", "created_at", "id"]),
            ("sessions_expiry", "sessions", vec!["expires_at"]),
            ("refresh_tokens_session", "refresh_tokens", vec!["session_id", "given_for"]),
        ] {
            let mut index = Index::create().name(name).table(table).take();
            for column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("refresh_tokens").take()).await?;
        manager.drop_table(Table::drop().table("sessions").take()).await
    }
}
