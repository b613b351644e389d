//! The number of pages of a book.

use sea_orm::DeriveValueType;

use super::validation_error::{ValidationError, ValidationErrorCode};

/// From 1 to 100,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, DeriveValueType)]
pub(crate) struct PageCount(i32);

impl PageCount {
    pub(crate) fn parse(number: i32) -> Result<Self, ValidationError> {
        match number {
            1..=100_000 => Ok(Self(number)),
            _ => Err(ValidationError::new(
                ValidationErrorCode::OutOfRange,
                "A number of pages must be from 1 to 100,000.",
            )),
        }
    }

    pub(crate) fn get(self) -> i32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_have_1_to_100000_pages() {
        for good in [1, 412, 100_000] {
            assert_eq!(PageCount::parse(good).map(PageCount::get), Ok(good));
        }
        for bad in [0, -1, 100_001, i32::MIN, i32::MAX] {
            let error = PageCount::parse(bad).expect_err("an error");
            assert_eq!(error.code, ValidationErrorCode::OutOfRange);
        }
    }
}
