//! Bookshelf: a GraphQL server for personal book libraries.
//!
//! The crate is layered: a module may depend on the layers below it, never on those above. The shared
//! utilities depend on no layer.
//!
//! ```text
//! cli   app              start and stop the server; depend on all layers
//!   http                 routes, layers, the HTTP protocol, cookies
//!     graphql            the API: types, queries, mutations, errors
//!       auth             authentication: passwords, access tokens, sessions
//!       exports          files of whole libraries, and the links to them
//!       covers           images of books: processing and storage
//!       imports          imports of files, in the background
//!         store          all database queries; no other module connects to the database
//!         book_files     files of books: Goodreads, StoryGraph, our CSV and JSON; no database
//!           entity       database rows (sea-orm), no logic
//!           input        parse, don't validate: Email, Username, Password, Title, Isbn …
//! allocator  background_thread  byte_counter  fair_queue  config  telemetry  clock  id  client_ip   shared utilities, for all layers
//! ```
//!
//! Within a layer the files have the names of the product's nouns. To follow a book through the layers, open
//! the file `book` or `books` of each layer.

mod allocator;
pub mod app;
mod auth;
mod background_thread;
#[cfg(feature = "benchmarks")]
pub mod benchmarks;
mod book_files;
mod byte_counter;
pub mod cli;
mod client_ip;
pub mod clock;
pub mod config;
mod covers;
mod entity;
mod exports;
mod fair_queue;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod graphql;
mod http;
mod id;
mod imports;
mod input;
mod store;
pub mod telemetry;
