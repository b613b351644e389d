//! Fault injection: the real binary with real sockets and databases that are slow, full, locked,
//! stopped or killed. These tests use real time.
//!
//! PostgreSQL's binaries are searched below /usr/lib/postgresql, or in `POSTGRES_BIN`. Tests that
//! need them are skipped if there are none, unless `REQUIRE_POSTGRES` is set.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a missing value fails the test")]

mod support;

mod connections;
mod database;
mod sigkill;
mod sqlite;
