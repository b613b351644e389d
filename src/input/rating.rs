//! The owner's rating of a book.

use sea_orm::DeriveValueType;

use super::validation_error::{ValidationError, ValidationErrorCode};

/// From 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, DeriveValueType)]
pub(crate) struct Rating(i16);

impl Rating {
    pub(crate) fn parse(number: i32) -> Result<Self, ValidationError> {
        match i16::try_from(number) {
            Ok(rating @ 1..=5) => Ok(Self(rating)),
            _ => Err(ValidationError::new(
                ValidationErrorCode::OutOfRange,
                "A rating must be from 1 to 5.",
            )),
        }
    }

    pub(crate) fn get(self) -> i16 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratings_range_from_one_to_five() {
        for good in 1..=5 {
            assert_eq!(Rating::parse(good).map(Rating::get).ok().map(i32::from), Some(good));
        }
        for bad in [0, 6, -1, i32::MAX, i32::MIN, 65_537] {
            assert_eq!(
                Rating::parse(bad).map_err(|error| error.code),
                Err(ValidationErrorCode::OutOfRange)
            );
        }
    }
}
