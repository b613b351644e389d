//! The real binary with real sockets and real databases, while things break: what is slow, full, locked,
//! stopped or killed. Time is real here, and so are the waits.
//!
//! PostgreSQL's binaries are looked for below /usr/lib/postgresql, or where `POSTGRES_BIN` says. What
//! needs them is left out where there are none, unless `REQUIRE_POSTGRES` is set.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that finds nothing where something must be has failed"
)]

mod support;

mod connections;
mod database;
mod sigkill;
mod sqlite;
