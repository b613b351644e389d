//! Bookshelf: a GraphQL server for personal book libraries.
//!
//! The house has floors, and each may use what is below it, never what is above:
//!
//! ```text
//! cli   app              start and stop things; know everybody
//!   http                 one request in, one response out: routes, layers, protocol, cookies
//!     graphql            the contract: types, queries, mutations, errors
//!       auth             who is calling: passwords, access tokens, sessions
//!         store          every query there is; speaks to the database and to nobody else
//!           entity       the rows (sea-orm), no logic
//!           input        parse, don't validate: Email, Username, Password, Title, Isbn …
//! config  telemetry  clock  id  address   the cellar: used by all, uses none of them
//! ```
//!
//! Inside a floor the files are the nouns of the product. To follow a book, open the file called
//! `book` or `books` one floor down.

pub mod app;
mod auth;
#[cfg(feature = "benchmarks")]
pub mod benchmarks;
pub mod cli;
mod client_ip;
pub mod clock;
pub mod config;
mod entity;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod graphql;
mod http;
mod id;
mod input;
mod store;
pub mod telemetry;
