//! A server of its own for each test, and the people who use it.

mod actor;
mod answer;
mod app;
mod database;
mod frames;
mod program;
mod socket;

pub use actor::Actor;
pub use answer::Answer;
pub use app::{JWT_SECRET, TestApp};
pub use database::TestDatabase;
pub use frames::Frames;
pub use program::{Program, bookshelf};
pub use socket::Socket;

/// A password that nobody guesses first.
pub const PASSWORD: &str = "correct horse battery staple";
