//! GraphQL types: newtypes over rows. A type has only the fields for which a resolver was written.

pub(super) mod book;
pub(super) mod book_change;
pub(super) mod book_filter;
pub(super) mod book_page;
pub(super) mod connection;
pub(super) mod cover;
pub(super) mod import_job;
pub(super) mod import_row;
pub(super) mod node;
pub(super) mod page_info;
pub(super) mod reading_stats;
pub(super) mod reading_status;
pub(super) mod session;
pub(super) mod tag;
pub(super) mod user;
pub(super) mod user_error;
