//! The year in which a book was published.

use sea_orm::DeriveValueType;

use super::validation_error::{ValidationError, ValidationErrorCode};

/// From -5000 to 2200. A negative year is before the common era.
#[derive(Clone, Copy, Debug, PartialEq, Eq, DeriveValueType)]
pub(crate) struct PublishedYear(i16);

impl PublishedYear {
    pub(crate) fn parse(number: i32) -> Result<Self, ValidationError> {
        match i16::try_from(number) {
            Ok(year @ -5_000..=2_200) => Ok(Self(year)),
            _ => Err(ValidationError::new(
                ValidationErrorCode::OutOfRange,
                "A year must be from -5000 to 2200.",
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
    fn years_range_from_5000_before_the_common_era_to_2200() {
        for good in [-5_000, -1, 0, 1965, 2_200] {
            assert_eq!(PublishedYear::parse(good).map(|year| i32::from(year.get())), Ok(good));
        }
        for bad in [-5_001, 2_201, 65_536, i32::MIN, i32::MAX] {
            let error = PublishedYear::parse(bad).expect_err("an error");
            assert_eq!(error.code, ValidationErrorCode::OutOfRange);
        }
    }
}
