//! The types of the contract: newtypes over rows, whose fields exist because somebody wrote them.

pub(super) mod book;
pub(super) mod book_change;
pub(super) mod book_filter;
pub(super) mod node;
pub(super) mod session;
pub(super) mod user;
pub(super) mod user_error;
