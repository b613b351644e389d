//! Days as other sites write them.

use crate::input::calendar_date::CalendarDate;

/// The first day of what a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) date: CalendarDate,
    pub(super) precision: Precision,
}

/// What the text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    Day,
    Month,
    Year,
}

impl Day {
    /// Parses `yyyy/MM/dd` with `/`, `-` or `.`, with or without leading zeros, and with or without a time after it. The
    /// day, or month and day, may be missing or 0. Other orders are ambiguous, and `None`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "0"));
        if !time.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let parts: Vec<_> = date.splitn(4, ['/', '-', '.']).collect();
        let (year, month, day) = match parts[..] {
            [year, month, day] => (year, number(month)?, number(day)?),
            [year, month] => (year, number(month)?, 0),
            [year] => (year, 0, 0),
            _ => return None,
        };
        if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let precision = match (month, day) {
            (0, 0) => Precision::Year,
            (0, _) => return None,
            (_, 0) => Precision::Month,
            _ => Precision::Day,
        };
        let date = CalendarDate::parse(&format!("{year}-{:02}-{:02}", month.max(1), day.max(1)))?;
        Some(Self { date, precision })
    }
}

fn number(text: &str) -> Option<u8> {
    let is_number = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// The start and the end of a range, which are separated by a hyphen or a dash. Either may be blank. A single day is the
/// end.
pub(super) fn split_range(range: &str) -> (&str, &str) {
    let is_day = |text: &str| text.is_empty() || Day::parse(text).is_some();
    let separators = range.char_indices().filter(|(_, c)| matches!(c, '-' | '–' | '—'));
    // Days may contain hyphens themselves. No range is longer than two instants.
    let splits = separators
        .take(16)
        .map(|(at, separator)| (range[..at].trim(), range[at + separator.len_utf8()..].trim()));
    let mut ranges = splits.filter(|(start, end)| is_day(start) && is_day(end));
    ranges.next().unwrap_or(("", range))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(String, Precision)> {
        Day::parse(text).map(|day| (day.date.to_string(), day.precision))
    }

    #[test]
    fn dates_of_all_sites_are_understood() {
        for text in [
            "2022/10/09",
            "2022-10-09",
            "2022.10.09",
            "2022/10/9",
            " 2022/10/09 ",
            "2022-10-09T23:00:00Z",
            "2022/10/09 12:30",
        ] {
            assert_eq!(parsed(text), Some(("2022-10-09".into(), Precision::Day)), "{text}");
        }
        for text in ["2019/05", "2019-5", "2019/05/00"] {
            assert_eq!(parsed(text), Some(("2019-05-01".into(), Precision::Month)), "{text}");
        }
        for text in ["2019", "2019/00/00"] {
            assert_eq!(parsed(text), Some(("2019-01-01".into(), Precision::Year)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in [
            "",
            "10/29/2022",
            "29.10.2022",
            "2022/13/01",
            "2022/02/30",
            "2022/00/10",
            "22/10/29",
            "2022/1/2/3",
            "2022/10/29 or so",
            "not set",
            "２０２２",
            "2022/-1/-1",
            "2022/+1/01",
            "02022/01/01",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn ranges_are_split_between_their_days() {
        for (range, start, end) in [
            ("2022/10/29-2022/11/28", "2022/10/29", "2022/11/28"),
            ("2022-10-29-2022-11-28", "2022-10-29", "2022-11-28"),
            ("2022/10/29 – 2022/11/28", "2022/10/29", "2022/11/28"),
            ("2022/10/29-", "2022/10/29", ""),
            ("-2022/11/28", "", "2022/11/28"),
            ("2023/01/02", "", "2023/01/02"),
            ("2023-01-02", "", "2023-01-02"),
            ("2022-2023", "2022", "2023"),
            ("nonsense-x", "", "nonsense-x"),
        ] {
            assert_eq!(split_range(range), (start, end), "{range}");
        }
    }
}
