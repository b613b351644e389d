//! Everything through HTTP, by actors, on the database that `TEST_DATABASE_URL` names: a fresh
//! SQLite file per test without it, a fresh PostgreSQL database per test with it.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that finds nothing where something must be has failed"
)]

mod support;

mod attacks;
mod auth;
mod books;
mod cli;
mod http;
mod limits;
mod schema;
mod subscriptions;
