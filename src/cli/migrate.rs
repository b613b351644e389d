//! `bookshelf migrate`.

use std::fmt::Write;

use anyhow::bail;
use clap::Subcommand;

use super::output::print;
use crate::config::Config;
use crate::store::{RowCounts, Store};

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum Migrate {
    /// Apply all pending migrations
    Up,
    /// Revert the latest migrations, and delete the data in the tables and columns that they created
    Down {
        /// Number of migrations to revert
        #[arg(default_value_t = 1)]
        steps: u32,
        /// Delete the data of a database with accounts or books
        #[arg(long)]
        yes: bool,
    },
    /// List all migrations and whether they are applied
    Status,
}

pub(super) async fn run(config: Config, direction: Migrate) -> anyhow::Result<()> {
    let store = Store::open(&config, None).await?;
    match direction {
        Migrate::Up => store.migrate().await?,
        Migrate::Down { steps, yes } => {
            if !yes {
                check_down(&store, steps).await?;
            }
            store.migrate_down(steps).await?;
        }
        Migrate::Status => {}
    }
    let mut list = String::new();
    for (name, applied) in store.migration_status().await? {
        writeln!(list, "{} {name}", if applied { "applied" } else { "pending" })?;
    }
    store.close().await;
    print(&list)
}

/// Rejects a reversal that deletes data.
async fn check_down(store: &Store, steps: u32) -> anyhow::Result<()> {
    let RowCounts { accounts, books } = store.row_counts().await?;
    if (accounts, books) == (0, 0) {
        return Ok(());
    }
    let migrations = store.migration_status().await?;
    let applied = migrations.iter().rev().filter(|(_, applied)| *applied);
    let reverted: Vec<_> = applied.take(steps as usize).map(|(name, _)| name.as_str()).collect();
    if reverted.is_empty() {
        return Ok(());
    }
    bail!(
        "this would revert {}, and delete the data in the tables and columns that they created; the database has \
         accounts ({accounts}) and books ({books}). Make a backup, then add --yes",
        reverted.join(", ")
    )
}
