//! The session parameters of pipelined connections, and the check that each connection has its own session.

use anyhow::bail;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::config::PostgresTarget;
use crate::store::db::options::session_settings;

/// Planner settings. Generic plans: re-planning a page for each `LIMIT` would take as long as reading it. No
/// sequential or bitmap scans: table statistics must not move a query off its index.
const PLANNER_SETTINGS: [(&str, &str); 3] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
];

/// Planner settings for scans. Plans for the values of each statement: planning takes a small part of its time.
/// Parallel workers: the planner expects that most books match a search, and so that sending them to the leader
/// takes longer than one process alone. Compiling an expression takes longer than the scan of a library.
const SCAN_PLANNER_SETTINGS: [(&str, &str); 3] =
    [("plan_cache_mode", "force_custom_plan"), ("parallel_tuple_cost", "0"), ("jit", "off")];

/// The statements that set the parameters of a pipelined connection. The `options` of the URL override the planner
/// settings.
pub(super) fn settings(target: &PostgresTarget) -> String {
    with_planner_settings(target, PLANNER_SETTINGS)
}

/// The statements that set the parameters of a connection for scans.
pub(super) fn scan_settings(target: &PostgresTarget) -> String {
    with_planner_settings(target, SCAN_PLANNER_SETTINGS)
}

fn with_planner_settings<const N: usize>(
    target: &PostgresTarget,
    planner: [(&str, &str); N],
) -> String {
    let mut settings = session_settings(target);
    for (name, value) in planner {
        if target.options.iter().all(|(option, _)| option != name) {
            settings.push_str(&format!("; SET {name} = {value}"));
        }
    }
    settings
}

/// Checks that two connections do not share a session, as they do if PgBouncer pools transactions: settings,
/// prepared statements and `LISTEN` would be lost or appear on other connections.
pub(super) async fn check_pooling(first: &Client, second: &Client) -> anyhow::Result<()> {
    const PARAMETER: &str = "bookshelf.connection";
    let mark = format!("{:032x}", rand::random::<u128>());
    first.batch_execute(&format!("SET {PARAMETER} = '{mark}'")).await?;
    let sql = format!("SELECT pg_catalog.current_setting('{PARAMETER}', true)");
    let rows = second.simple_query(&sql).await?;
    let is_shared = rows.iter().any(|row| match row {
        SimpleQueryMessage::Row(row) => row.get(0) == Some(&mark),
        _ => false,
    });
    if is_shared {
        bail!(
            "the connection pooler in front of PostgreSQL pools transactions; Bookshelf needs \
             sessions (PgBouncer: pool_mode = session)"
        );
    }
    Ok(())
}
