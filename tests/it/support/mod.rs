//! A server of its own for each test, and the people who use it.

mod actor;
mod answer;
mod app;
mod database;
mod frames;
mod server_process;
mod socket;

pub use actor::Actor;
pub use answer::TestResponse;
pub use app::{JWT_SECRET, TestApp};
pub use database::TestDatabase;
pub use frames::StreamReader;
pub use server_process::{ServerProcess, bookshelf};
pub use socket::Socket;

/// A password that nobody guesses first.
pub const PASSWORD: &str = "correct horse battery staple";
