//! User input as types that cannot hold an invalid value ("parse, don't validate").

pub(crate) mod author;
pub(crate) mod calendar_date;
pub(crate) mod email;
pub(crate) mod idempotency_key;
pub(crate) mod isbn;
pub(crate) mod notes;
pub(crate) mod page_count;
pub(crate) mod password;
pub(crate) mod published_year;
pub(crate) mod publisher;
pub(crate) mod rating;
pub(crate) mod read_count;
pub(crate) mod reading_status;
pub(crate) mod search;
pub(crate) mod tags;
pub(crate) mod text;
pub(crate) mod title;
pub(crate) mod username;
pub(crate) mod validation_error;
