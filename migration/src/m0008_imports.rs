//! Imports of files, and what became of each of their rows. All keys and indexes start with the owner.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The value of `state` of an import that runs.
const RUNNING: i16 = 1;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut jobs = Table::create()
            .table("import_jobs")
            .col(ColumnDef::new("owner_id").uuid().not_null())
            .col(ColumnDef::new("id").uuid().not_null())
            .col(ColumnDef::new("source").small_integer().not_null())
            .col(ColumnDef::new("dry_run").boolean().not_null())
            .col(ColumnDef::new("on_conflict").small_integer().not_null())
            .col(ColumnDef::new("state").small_integer().not_null())
            .take();
        for count in ["total", "created", "updated", "skipped", "failed"] {
            jobs.col(ColumnDef::new(count).integer().not_null());
        }
        let jobs = jobs
            .col(ColumnDef::new("started_at").big_integer().not_null())
            .col(ColumnDef::new("finished_at").big_integer())
            .col(ColumnDef::new("heartbeat_at").big_integer().not_null())
            .primary_key(Index::create().name("import_jobs_key").col("owner_id").col("id"))
            .foreign_key(
                ForeignKey::create()
                    .name("import_jobs_owner")
                    .from("import_jobs", "owner_id")
                    .to("users", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        manager.create_table(jobs).await?;
        // One running import for each account.
        let running = Index::create()
            .name("import_jobs_running_unique")
            .table("import_jobs")
            .col("owner_id")
            .unique()
            .and_where(Expr::col("state").eq(RUNNING))
            .take();
        manager.create_index(running).await?;

        let mut rows = Table::create()
            .table("import_rows")
            .col(ColumnDef::new("owner_id").uuid().not_null())
            .col(ColumnDef::new("job_id").uuid().not_null())
            .col(ColumnDef::new("number").integer().not_null())
            .col(ColumnDef::new("line").integer().not_null())
            .col(ColumnDef::new("action").small_integer().not_null())
            .col(ColumnDef::new("title").text())
            .col(ColumnDef::new("book_id").uuid())
            .col(ColumnDef::new("notes").text())
            .primary_key(
                Index::create().name("import_rows_key").col("owner_id").col("job_id").col("number"),
            )
            .foreign_key(
                ForeignKey::create()
                    .name("import_rows_job")
                    .from("import_rows", ("owner_id", "job_id"))
                    .to("import_jobs", ("owner_id", "id"))
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        if manager.get_database_backend() != DbBackend::Postgres {
            rows.extra("WITHOUT ROWID");
        }
        manager.create_table(rows).await?;
        let by_action = Index::create()
            .name("import_rows_by_action")
            .table("import_rows")
            .col("owner_id")
            .col("job_id")
            .col("action")
            .col("number")
            .take();
        manager.create_index(by_action).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("import_rows").take()).await?;
        manager.drop_table(Table::drop().table("import_jobs").take()).await
    }
}
