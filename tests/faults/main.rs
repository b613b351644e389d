//! Fault injection: the real binary with real sockets and databases that are slow, full, locked,
//! stopped or killed. These tests use real time.
//!
//! Tests that need PostgreSQL are skipped if it is not installed, unless `REQUIRE_ALL_TESTS` is set.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a missing value fails the test")]

#[expect(dead_code, unused_imports, reason = "each of the two test binaries uses a part of it")]
#[path = "../support/mod.rs"]
mod support;

mod capacity;
mod connections;
mod database;
mod deadlines;
mod events;
mod exports;
mod hosts;
mod imports;
mod login;
mod outage;
mod pgbouncer;
mod sigkill;
mod sqlite;
mod tls;
mod upgrades;

/// A query that reads the database.
const LIST: &str = "{ books(first: 1) { totalCount } }";

/// The input of a book with this title.
fn book(title: &str) -> serde_json::Value {
    serde_json::json!({ "title": title, "author": "A" })
}
