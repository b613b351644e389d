//! `bookshelf migrate`.

use std::fmt::Write;

use anyhow::bail;
use clap::Subcommand;

use super::output::{print, report};
use crate::config::Config;
use crate::store::Store;
use crate::store::migrations::RowCounts;

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum Migrate {
    /// Apply all pending migrations
    Up,
    /// Revert the latest migrations, and delete the data in the tables and columns that they created. All servers must
    /// be stopped
    Down {
        /// Number of migrations to revert
        #[arg(default_value_t = 1)]
        steps: u32,
        /// Delete the data of a database with accounts or books
        #[arg(long)]
        yes: bool,
    },
    /// List all migrations: applied, pending, or unknown, which are those of a newer version
    Status,
}

pub(super) async fn run(config: Config, direction: Migrate) -> anyhow::Result<()> {
    let store = Store::open(&config).await?;
    let done = migrate(&store, direction).await;
    store.close().await;
    print(&done?)
}

/// Returns the list of all migrations.
async fn migrate(store: &Store, direction: Migrate) -> anyhow::Result<String> {
    match direction {
        Migrate::Up => {
            let newer = store.migrate().await?;
            if !newer.is_empty() {
                report(&format!(
                    "nothing to apply: the database has {} of a newer version of Bookshelf, with which this version works",
                    newer.join(", ")
                ));
            }
        }
        Migrate::Down { steps, yes } => {
            if !yes {
                check_down(store, steps).await?;
            }
            store.migrate_down(steps).await?;
        }
        Migrate::Status => {}
    }
    let state = store.migration_state().await?;
    let mut list = String::new();
    for (name, applied) in state.migrations {
        writeln!(list, "{} {name}", if applied { "applied" } else { "pending" })?;
    }
    for migration in state.unknown {
        writeln!(list, "unknown {}", migration.name)?;
    }
    Ok(list)
}

/// Rejects a reversal that deletes data.
async fn check_down(store: &Store, steps: u32) -> anyhow::Result<()> {
    let RowCounts { accounts, books } = store.row_counts().await?;
    if (accounts, books) == (0, 0) {
        return Ok(());
    }
    let migrations = store.migration_state().await?.migrations;
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
