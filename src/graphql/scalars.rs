//! Custom scalars.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use super::upload::{self, UPLOAD_SCALAR};
use crate::clock::Timestamp;
use crate::input::calendar_date::CalendarDate;

#[derive(Clone, Copy, Debug)]
pub(super) struct DateTime(pub(super) Timestamp);

/// A point in time as an RFC 3339 string, in UTC with milliseconds: `2026-03-27T09:15:00.000Z`.
/// Arguments may have any offset.
#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        let instant = Timestamp::parse(text);
        instant.map(Self).ok_or_else(|| {
            InputValueError::custom("expected an RFC 3339 date-time such as 2026-03-27T09:15:00Z")
        })
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Date(pub(super) CalendarDate);

/// A calendar day without a time: `2026-03-27`. The year has four digits.
#[Scalar]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        let date = CalendarDate::parse(text);
        date.map(Self).ok_or_else(|| InputValueError::custom("expected a date such as 2026-03-27"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Whether a value is valid input for a scalar; `text` is `None` for a value that is not a string. Only
/// custom scalars are checked: documents and variables are validated with this before they are executed.
pub(super) fn is_valid(scalar: &str, text: Option<&str>) -> bool {
    match scalar {
        "DateTime" => text.and_then(Timestamp::parse).is_some(),
        "Date" => text.and_then(CalendarDate::parse).is_some(),
        UPLOAD_SCALAR => text.is_some_and(upload::is_token),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_custom_scalar_has_a_validity_check() {
        let sdl = crate::graphql::sdl();
        let scalars: Vec<_> = sdl.lines().filter_map(|line| line.strip_prefix("scalar ")).collect();
        assert!(!scalars.is_empty());
        for scalar in scalars {
            let name = scalar.split(' ').next().unwrap_or_default();
            assert!(!is_valid(name, None) && !is_valid(name, Some("\u{0}")), "{name}");
        }
        let file = upload::token(0);
        assert!(is_valid(UPLOAD_SCALAR, Some(&file)));
        assert!(!is_valid(UPLOAD_SCALAR, Some("cover.png")) && !is_valid(UPLOAD_SCALAR, None));
    }
}
