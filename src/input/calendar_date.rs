//! Calendar days, without a time and a time zone.

use std::fmt::{self, Write};

use sea_orm::DeriveValueType;
use serde::{Serialize, Serializer};
use time::Date;
use time::macros::format_description;

use super::validation_error::{ValidationError, ValidationErrorCode};
use crate::clock::Timestamp;

/// A day of the years 0 to 9999 of the Gregorian calendar.
///
/// Both databases store it as an integer of the digits of `YYYYMMDD`: days are ordered by it, and `/ 100 % 100` is
/// the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, DeriveValueType)]
pub(crate) struct CalendarDate(i32);

impl CalendarDate {
    /// Parses `YYYY-MM-DD` (RFC 3339, `full-date`).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The format also allows years with a sign.
        let has_four_digits = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
        let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
        let number = date.year() * 10_000 + i32::from(u8::from(date.month())) * 100;
        has_four_digits.then(|| Self(number + i32::from(date.day())))
    }

    /// The day of an instant in UTC; `None` if its year is not from 0 to 9999.
    pub(crate) fn from_utc(instant: Timestamp) -> Option<Self> {
        let mut text = String::new();
        write!(text, "{instant}").ok()?;
        Self::parse(text.split('T').next()?)
    }

    /// The lowest and the highest value that a day of this year can have. No day is between them if the year is not
    /// from 0 to 9999.
    pub(crate) fn bounds_of_year(year: i32) -> (i32, i32) {
        let first = year.saturating_mul(10_000);
        (first, first.saturating_add(9_999))
    }
}

/// `YYYY-MM-DD`.
impl fmt::Display for CalendarDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
    }
}

impl Serialize for CalendarDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Rejects an end before the start. Either may be unknown.
pub(crate) fn check_order(
    started: Option<CalendarDate>,
    finished: Option<CalendarDate>,
) -> Result<(), ValidationError> {
    match (started, finished) {
        (Some(started), Some(finished)) if finished < started => Err(finished_before_started()),
        _ => Ok(()),
    }
}

/// The error of an end before the start.
pub(crate) fn finished_before_started() -> ValidationError {
    let message = "The end must not be before the start.";
    ValidationError::new(ValidationErrorCode::OutOfRange, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_days_of_the_calendar_are_dates() {
        for good in ["2026-03-27", "2024-02-29", "0000-01-01", "9999-12-31", "0001-12-01"] {
            assert_eq!(
                CalendarDate::parse(good).map(|date| date.to_string()).as_deref(),
                Some(good)
            );
        }
        for bad in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "2026-1-01",
            "26-01-01",
            "+2026-01-01",
            "-2026-01-01",
            "12026-01-01",
            "2026-01-01T00:00:00Z",
            " 2026-01-01",
            "2026/01/01",
            "2026-01-0١",
            "20260101",
        ] {
            assert_eq!(CalendarDate::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_year_has_its_days_and_no_others() {
        for (date, year, is_in) in [
            ("2026-01-01", 2026, true),
            ("2026-12-31", 2026, true),
            ("2025-12-31", 2026, false),
            ("2027-01-01", 2026, false),
            ("0000-12-31", 0, true),
            ("0000-01-01", -1, false),
            ("9999-12-31", 10_000, false),
            ("9999-12-31", i32::MAX, false),
            ("0000-01-01", i32::MIN, false),
        ] {
            let (first, last) = CalendarDate::bounds_of_year(year);
            let number = CalendarDate::parse(date).expect("a date").0;
            assert_eq!((first..=last).contains(&number), is_in, "{date} {year}");
        }
    }

    #[test]
    fn an_end_before_the_start_is_out_of_range() {
        let [first, second] = ["2025-12-31", "2026-01-01"].map(CalendarDate::parse);
        for (started, finished) in [(first, second), (first, first), (first, None), (None, first)] {
            assert_eq!(check_order(started, finished), Ok(()));
        }
        let error = check_order(second, first).expect_err("an error");
        assert_eq!(error.code, ValidationErrorCode::OutOfRange);
    }

    proptest! {
        #[test]
        fn dates_are_ordered_as_their_texts(
            one in "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
            other in "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
        ) {
            let dates = [&one, &other].map(|text| CalendarDate::parse(text).expect("a date"));
            prop_assert_eq!(dates[0].cmp(&dates[1]), one.cmp(&other));
            prop_assert_eq!(dates[0].to_string(), one);
        }
    }
}
