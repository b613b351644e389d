//! How often the owner has read a book.

use sea_orm::DeriveValueType;

use super::reading_status::ReadingStatus;
use super::validation_error::{ValidationError, ValidationErrorCode};

/// 0 or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, DeriveValueType)]
pub(crate) struct ReadCount(i32);

impl ReadCount {
    pub(crate) fn parse(number: i32) -> Result<Self, ValidationError> {
        match number {
            0.. => Ok(Self(number)),
            _ => Err(ValidationError::new(
                ValidationErrorCode::OutOfRange,
                "A book cannot be read less than 0 times.",
            )),
        }
    }

    /// The count of a book that gets this status and no count: a book that was read was read once.
    pub(crate) fn at_least(status: Option<ReadingStatus>) -> Self {
        Self(i32::from(status == Some(ReadingStatus::Read)))
    }

    pub(crate) fn get(self) -> i32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_not_negative() {
        for good in [0, 1, i32::MAX] {
            assert_eq!(ReadCount::parse(good).map(ReadCount::get), Ok(good));
        }
        for bad in [-1, i32::MIN] {
            let error = ReadCount::parse(bad).expect_err("an error");
            assert_eq!(error.code, ValidationErrorCode::OutOfRange);
        }
    }

    #[test]
    fn a_book_that_was_read_was_read_once() {
        for status in ReadingStatus::ALL {
            let expected = i32::from(status == ReadingStatus::Read);
            assert_eq!(ReadCount::at_least(Some(status)).get(), expected);
        }
        assert_eq!(ReadCount::at_least(None).get(), 0);
    }
}
