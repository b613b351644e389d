//! The rows of the tables, as sea-orm maps them. Without logic.

pub(crate) mod book;
pub(crate) mod book_cover;
pub(crate) mod export;
pub(crate) mod failed_login;
pub(crate) mod import_job;
pub(crate) mod import_row;
pub(crate) mod library;
pub(crate) mod refresh_token;
pub(crate) mod removed_cover;
pub(crate) mod session;
pub(crate) mod user;
