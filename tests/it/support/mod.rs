//! A server of its own for each test, and the people who use it.

mod actor;
mod answer;
mod app;
mod database;
mod program;

pub use actor::Actor;
pub use answer::Answer;
pub use app::{JWT_SECRET, TestApp};
pub use database::TestDatabase;
pub use program::{Program, bookshelf};

/// A password that nobody guesses first.
pub const PASSWORD: &str = "correct horse battery staple";
