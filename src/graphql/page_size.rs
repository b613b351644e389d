//! How many elements a page of a list can have.

use super::error::{ApiError, Result};

/// The page size if the client requests none.
pub(super) const DEFAULT_PAGE_SIZE: i32 = 20;

/// The maximum page size.
pub(super) const MAX_PAGE_SIZE: usize = 100;

/// Parses the value of the argument `name`, which sets the size of a page.
///
/// # Errors
/// `BAD_USER_INPUT` if the size is less than 1 or more than [`MAX_PAGE_SIZE`].
pub(super) fn parse_page_size(size: i32, name: &str) -> Result<usize> {
    match usize::try_from(size) {
        Ok(size @ 1..=MAX_PAGE_SIZE) => Ok(size),
        _ => Err(ApiError::bad_input(format!("{name} must be from 1 to {MAX_PAGE_SIZE}."))),
    }
}
