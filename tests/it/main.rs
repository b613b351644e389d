//! Integration tests: actors send requests over HTTP, in-process. Each test creates its own
//! PostgreSQL database on the server in `TEST_DATABASE_URL`, or an SQLite file if that is not set.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a missing value fails the test")]

#[expect(dead_code, unused_imports, reason = "each of the two test binaries uses a part of it")]
#[path = "../support/mod.rs"]
mod support;

mod architecture;
mod attacks;
mod auth;
mod books;
mod cli;
mod covers;
mod documentation;
mod http;
mod imports;
mod limits;
mod running;
mod schema;
mod subscriptions;
