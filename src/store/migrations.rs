//! Applies, reverts and lists the migrations of the database.

use anyhow::{Context, bail};
use migration::{DatabaseState, SchemaManager};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};
use tokio::task::spawn_blocking;

use super::db::write_lock::WriteGuard;
use super::error::StoreError;
use super::server_lock::{ADVISORY_LOCK, LockedError};
use super::{Store, startup};

/// The advisory lock that serialises migrations of instances with the same PostgreSQL ("shelf" in ASCII).
const MIGRATION_LOCK: i64 = 0x73_68_65_6c_66;

/// The sizes of the tables that matter to their users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowCounts {
    pub(crate) accounts: i64,
    pub(crate) books: i64,
}

impl Store {
    /// Applies all pending migrations in one transaction. If several instances start at the same time,
    /// one applies them and the others wait. Returns the names of the migrations of newer versions that the database
    /// has and that this version can work with.
    ///
    /// # Errors
    /// If this version cannot use the database, or a statement fails.
    pub(crate) async fn migrate(&self) -> anyhow::Result<Vec<String>> {
        let transaction = self.begin_migration().await?;
        let state = self.migrator.state(transaction.unbounded()).await?;
        startup::check_version(&state)?;
        self.migrator.up(transaction.unbounded()).await?;
        transaction.commit().await?;
        Ok(state.unknown.into_iter().map(|migration| migration.name).collect())
    }

    /// Reverts the latest `steps` migrations. The data in the tables they created is lost.
    ///
    /// # Errors
    /// If servers use the database, if it has migrations of a newer version, or if a statement fails.
    pub(crate) async fn migrate_down(&self, steps: u32) -> anyhow::Result<()> {
        let transaction = self.begin_migration().await?;
        let state = self.migrator.state(transaction.unbounded()).await?;
        if !state.unknown.is_empty() {
            let names: Vec<_> = state.unknown.into_iter().map(|migration| migration.name).collect();
            bail!(
                "the database has migrations of a newer version of Bookshelf, which has {}; revert those first, with \
                 `migrate down` of that version",
                names.join(", ")
            );
        }
        self.exclude_servers(&transaction).await?;
        self.migrator.down(transaction.unbounded(), steps).await?;
        transaction.commit().await?;
        if let Some(lock) = &self.file_lock {
            lock.release();
        }
        Ok(())
    }

    /// The migrations of the database, compared with those of this version.
    pub(crate) async fn migration_state(&self) -> Result<DatabaseState, StoreError> {
        Ok(self.migrator.state(self.db.reader().unbounded()).await?)
    }

    /// How many accounts and books the database has; 0 if it does not have their tables.
    pub(crate) async fn row_counts(&self) -> Result<RowCounts, StoreError> {
        let count = async |table: &'static str| {
            let connection = self.db.reader();
            if !SchemaManager::new(connection.unbounded()).has_table(table).await? {
                return Ok::<i64, StoreError>(0);
            }
            let mut sql = self.db.sql();
            sql.push("SELECT count(*) FROM ").push(table);
            Ok(self.db.read_one(sql).await?.unwrap_or_default())
        };
        Ok(RowCounts { accounts: count("users").await?, books: count("books").await? })
    }

    /// Takes the lock of the servers without waiting: on PostgreSQL until the transaction ends.
    async fn exclude_servers(
        &self,
        transaction: &WriteGuard<DatabaseTransaction>,
    ) -> anyhow::Result<()> {
        if let Some(lock) = self.file_lock.clone() {
            return spawn_blocking(move || lock.exclude_servers()).await?;
        }
        let sql = format!("SELECT pg_try_advisory_xact_lock({ADVISORY_LOCK}) AS locked");
        let sql = Statement::from_string(DbBackend::Postgres, sql);
        let row = transaction.unbounded().query_one_raw(sql).await?;
        let row = row.context("the database returned no row")?;
        match row.try_get("", "locked")? {
            true => Ok(()),
            false => Err(LockedError::ByServers.into()),
        }
    }

    async fn begin_migration(&self) -> Result<WriteGuard<DatabaseTransaction>, StoreError> {
        let transaction = self.begin_unlimited().await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
            transaction.unbounded().execute_unprepared(&lock).await?;
        }
        Ok(transaction)
    }
}
