//! Makes validated values from the texts of a row. What has to be changed or left out is noted in plain words, for the
//! owner of the book.

mod date;
mod shorten;

use std::borrow::Cow;
use std::collections::HashSet;

use date::{Day, Precision};

use crate::clock::Timestamp;
use crate::input::author::Author;
use crate::input::calendar_date::CalendarDate;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::page_count::PageCount;
use crate::input::published_year::PublishedYear;
use crate::input::publisher::Publisher;
use crate::input::rating::Rating;
use crate::input::read_count::ReadCount;
use crate::input::tags::{MAX_TAGS, Tag, Tags};
use crate::input::title::Title;
use crate::input::validation_error::{ValidationError, ValidationErrorCode};

/// The author of a book whose file names none.
const UNKNOWN_AUTHOR: &str = "Unknown";

/// How many characters of a text a note quotes.
const QUOTED_CHARS: usize = 40;

/// Maximum number of notes of a row.
const MAX_NOTES: usize = 20;

/// How many tags of a row are looked at, also if they are blank or equal.
pub(super) const MAX_TAGS_READ: usize = 10 * MAX_TAGS;

/// The values of one row, while it is read.
#[derive(Debug, Default)]
pub(super) struct RowValues {
    /// At most [`MAX_NOTES`].
    notes: Vec<String>,
    further_notes: usize,
}

impl RowValues {
    pub(super) fn note(&mut self, note: impl Into<String>) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note.into());
        } else {
            self.further_notes += 1;
        }
    }

    /// For values of which only the start is read.
    pub(super) fn note_cut(&mut self) {
        self.note("a value was too long to be read to its end");
    }

    pub(super) fn into_notes(mut self) -> Vec<String> {
        if self.further_notes > 0 {
            self.notes.push(format!("and {} more", self.further_notes));
        }
        self.notes
    }

    /// `None` if there is none: the row fails.
    pub(super) fn title(&mut self, text: &str) -> Option<Title> {
        let title = self.text("title", text, Title::MAX_CHARS, Title::parse);
        if title.is_none() {
            self.note("title is missing");
        }
        title
    }

    /// A book without an author gets [`UNKNOWN_AUTHOR`].
    pub(super) fn author(&mut self, text: &str) -> Option<Author> {
        let author = self.text("author", text, Author::MAX_CHARS, Author::parse);
        author.or_else(|| {
            self.note(format!("author is missing; imported as \"{UNKNOWN_AUTHOR}\""));
            Author::parse(UNKNOWN_AUTHOR).ok()
        })
    }

    pub(super) fn publisher(&mut self, text: &str) -> Option<Publisher> {
        self.text("publisher", text, Publisher::MAX_CHARS, Publisher::parse).flatten()
    }

    pub(super) fn book_notes(&mut self, text: &str) -> Option<Notes> {
        self.text("notes", text, Notes::MAX_CHARS, Notes::parse).flatten()
    }

    /// The first of the texts that is an ISBN, in the order in which they are preferred.
    pub(super) fn isbn(&mut self, texts: &[&str]) -> Option<Isbn> {
        let mut problem = None;
        for text in texts {
            match Isbn::parse(text) {
                Ok(Some(isbn)) => return Some(isbn),
                Ok(None) => {}
                Err(error) => problem = problem.or(Some((error, *text))),
            }
        }
        let (error, text) = problem?;
        let problem = match error.code {
            ValidationErrorCode::IsbnChecksum => "ISBN check digit is wrong".to_owned(),
            _ => format!("{} is no ISBN", quoted(text)),
        };
        self.note(format!("{problem}; imported without ISBN"));
        None
    }

    /// From 0, which is unrated, to 5. Fractions are rounded to the nearest, halves up, and to at least 1.
    pub(super) fn rating(&mut self, text: &str) -> Option<Rating> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let is_number = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-'));
        let number = text.replace(',', ".").parse::<f64>().ok().filter(|_| is_number);
        let Some(number) = number else {
            self.left_out("rating", text, "is not a number");
            return None;
        };
        if number == 0.0 {
            return None;
        }
        if !(0.0..=5.0).contains(&number) {
            self.left_out("rating", text, "is not from 1 to 5");
            return None;
        }
        let rounded = (number + 0.5).floor().max(1.0);
        if (rounded - number).abs() > f64::EPSILON {
            self.note(format!("rating {} rounded to {rounded}", excerpt(text)));
        }
        // From 1 to 5.
        let rating = (1..=5).find(|rating| f64::from(*rating) >= rounded)?;
        Rating::parse(rating).ok()
    }

    pub(super) fn read_count(&mut self, text: &str) -> Option<ReadCount> {
        self.number("read count", text, ReadCount::parse)
    }

    /// The first of the texts that is a year, in the order in which they are preferred.
    pub(super) fn published_year(&mut self, texts: &[&str]) -> Option<PublishedYear> {
        texts.iter().find_map(|text| self.number("year", text, PublishedYear::parse))
    }

    /// Other sites write 0 if they have no number.
    pub(super) fn page_count(&mut self, text: &str) -> Option<PageCount> {
        match text.trim() {
            "0" => None,
            text => self.number("number of pages", text, PageCount::parse),
        }
    }

    fn number<T>(
        &mut self,
        name: &str,
        text: &str,
        parse: impl Fn(i32) -> Result<T, ValidationError>,
    ) -> Option<T> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let number = text.parse::<i32>().ok();
        let value = number.and_then(|number| parse(number).ok());
        if value.is_none() {
            let digits = text.trim_start_matches(['-', '+']);
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let problem = if is_number { "is out of range" } else { "is not a whole number" };
            self.left_out(name, text, problem);
        }
        value
    }

    /// A day as `yyyy/MM/dd` or `yyyy-MM-dd`. A month or a year stands for its first day.
    pub(super) fn date(&mut self, name: &str, text: &str) -> Option<CalendarDate> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let Some(Day { date, precision }) = Day::parse(text) else {
            self.left_out(name, text, "is not a date such as 2026/11/28");
            return None;
        };
        let missing = match precision {
            Precision::Day => return Some(date),
            Precision::Month => "day",
            Precision::Year => "month",
        };
        self.note(format!("{name} {} has no {missing}; imported as {date}", excerpt(text)));
        Some(date)
    }

    /// The start and the end of the last of several ranges, such as `2022/10/29-2022/11/28, 2023/01/02`. A single day is
    /// an end.
    pub(super) fn last_range(
        &mut self,
        text: &str,
    ) -> Option<(Option<CalendarDate>, Option<CalendarDate>)> {
        let last = text.split([',', '\n']).map(str::trim).rfind(|range| !range.is_empty())?;
        let (started, finished) = date::split_range(last);
        Some((self.date("start of reading", started), self.date("end of reading", finished)))
    }

    /// A start after the end is left out: the end is what statistics count.
    pub(super) fn in_order(
        &mut self,
        started: Option<CalendarDate>,
        finished: Option<CalendarDate>,
    ) -> (Option<CalendarDate>, Option<CalendarDate>) {
        match (started, finished) {
            (Some(start), Some(end)) if end < start => {
                self.note(format!(
                    "start of reading {start} is after its end {end}; imported without the start"
                ));
                (None, finished)
            }
            other => other,
        }
    }

    /// A day, or an instant as in our files. A day is its first instant in UTC.
    pub(super) fn added_at(&mut self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        let instant = Timestamp::parse(text).or_else(|| {
            let date = self.date("date added", text)?;
            Timestamp::parse(&format!("{date}T00:00:00Z"))
        })?;
        if !(EARLIEST..=LATEST).contains(&instant) {
            self.left_out("date added", text, "is out of range");
            return None;
        }
        Some(instant)
    }

    pub(super) fn tags<'a>(
        &mut self,
        mut texts: impl Iterator<Item = impl Into<Cow<'a, str>>>,
    ) -> Option<Tags> {
        let (mut tags, mut keys, mut count) = (Vec::new(), HashSet::new(), 0_usize);
        for text in texts.by_ref().take(MAX_TAGS_READ) {
            let text = text.into();
            let Some(tag) = self.text("tag", &text, Tag::MAX_CHARS, Tag::parse) else { continue };
            if keys.insert(tag.key()) {
                count += 1;
                if tags.len() < MAX_TAGS {
                    tags.push(tag);
                }
            }
        }
        if texts.next().is_some() {
            self.note(format!("more than {MAX_TAGS_READ} tags; only the first of them were read"));
        } else if count > MAX_TAGS {
            let more = count - MAX_TAGS;
            self.note(format!("more than {MAX_TAGS} tags; {more} left out"));
        }
        Tags::parse(&tags).ok().flatten()
    }

    /// A text without control characters, cut at a character if it is too long. `None` if it is blank.
    fn text<T>(
        &mut self,
        name: &str,
        text: &str,
        max_chars: usize,
        parse: impl Fn(&str) -> Result<T, ValidationError>,
    ) -> Option<T> {
        let visible = without_control_characters(text);
        if let Cow::Owned(_) = visible {
            self.note(format!("{name}: characters that cannot be shown were left out"));
        }
        match parse(&visible) {
            Err(error) if error.code == ValidationErrorCode::TooLong => {
                self.note(format!("{name} was too long; cut at {max_chars} characters"));
                parse(shorten::first_chars(visible.trim(), max_chars)).ok()
            }
            parsed => parsed.ok(),
        }
    }

    pub(super) fn left_out(&mut self, name: &str, text: &str, problem: &str) {
        self.note(format!("{name} {} {problem}; imported without it", excerpt(text)));
    }
}

/// A book's id contains the time as a number of milliseconds that is not negative.
const EARLIEST: Timestamp = Timestamp::from_millis(0);

/// 9999-12-31T23:59:59.999Z, the last instant of RFC 3339.
const LATEST: Timestamp = Timestamp::from_millis(253_402_300_799_999);

/// A text with one space between words, as other sites do not always have it.
pub(super) fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Two texts with a blank line between them; one of them if they are equal or the other is blank.
pub(super) fn join_paragraphs(first: &str, second: &str) -> String {
    let (first, second) = (first.trim(), second.trim());
    match first.is_empty() || second.is_empty() || first == second {
        true if first.is_empty() => second.to_owned(),
        true => first.to_owned(),
        false => format!("{first}\n\n{second}"),
    }
}

fn without_control_characters(text: &str) -> Cow<'_, str> {
    let is_line_break = |c| matches!(c, '\n' | '\u{B}'..='\r' | '\u{85}');
    let is_dropped = |c: char| c.is_control() && c != '\t' && !is_line_break(c);
    match text.contains(is_dropped) {
        true => Cow::Owned(text.replace(is_dropped, "")),
        false => Cow::Borrowed(text),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", excerpt(text))
}

/// The start of a text, in one line.
fn excerpt(text: &str) -> String {
    let text: String =
        text.trim().chars().filter(|c| !c.is_control()).take(QUOTED_CHARS + 1).collect();
    match text.chars().count() > QUOTED_CHARS {
        true => format!("{}…", text.chars().take(QUOTED_CHARS).collect::<String>()),
        false => text,
    }
}
