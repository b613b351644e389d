//! The server of each test, and the clients that send requests to it.

mod actor;
mod app;
mod database;
mod server_process;
mod socket;
mod stream_reader;
mod test_response;

pub use actor::Actor;
pub use app::{JWT_SECRET, TestApp};
pub use database::TestDatabase;
pub use server_process::{ServerProcess, bookshelf};
pub use socket::Socket;
pub use stream_reader::StreamReader;
pub use test_response::TestResponse;

/// A password that is not among the common ones.
pub const PASSWORD: &str = "correct horse battery staple";
