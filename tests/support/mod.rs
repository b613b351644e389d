//! The servers, databases and clients of all Rust tests.
//!
//! - `TestApp` is a server in this process, with a manual clock. `ServerProcess` is the binary, with real time.
//! - `TestDatabase` is an empty database. `PostgresCluster` is a PostgreSQL server that a test may crash.
//! - `Actor` is a user or an anonymous client of a server. Its requests return a `TestResponse`, which has the
//!   assertions. `StreamReader` and `Socket` receive events.

mod actor;
mod app;
mod covers;
mod database;
mod imports;
mod postgres_cluster;
mod redact;
mod sample_files;
mod server_process;
mod skip;
mod socket;
mod stream_reader;
mod tcp_proxy;
mod test_response;
mod wait;

pub use actor::Actor;
pub use app::{JWT_SECRET, TestApp};
pub use covers::{jpeg, noisy_jpeg, path_of};
pub use database::TestDatabase;
pub use imports::{actions, counts};
pub use postgres_cluster::PostgresCluster;
pub use redact::{redact_id, redact_text};
pub use sample_files::{
    goodreads_file, older_goodreads_file, sample_isbn, sample_title, storygraph_file,
};
pub use server_process::{ServerProcess, server_command};
pub use skip::{skip, variable};
pub use socket::Socket;
pub use stream_reader::StreamReader;
pub use tcp_proxy::TcpProxy;
pub use test_response::TestResponse;
pub use wait::wait_until;

/// A password that is not among the common ones.
pub const PASSWORD: &str = "correct horse battery staple";

/// The media type that selects HTTP status codes for errors; plain JSON has the status 200.
pub const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";
