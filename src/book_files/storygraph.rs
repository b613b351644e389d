//! The CSV file of StoryGraph.

use super::columns::Column;
use super::csv_rows::CsvValues;
use super::html;
use super::model::FileBook;
use super::values::{RowValues, single_spaced};
use crate::input::calendar_date::CalendarDate;
use crate::input::isbn::Isbn;
use crate::input::reading_status::ReadingStatus;

/// A book that is paused is still being read. The tag says that it is paused.
const PAUSED: &str = "paused";

pub(super) fn read(file: &CsvValues, values: &mut RowValues) -> Option<FileBook> {
    let title = values.title(&line(file, Column::Title));
    let author = values.author(&line(file, Column::Author));
    let isbn = isbn(file, values);
    let rating = values.rating(file.get(Column::Rating));
    let (status, paused) = status(file, values);
    let (started_on, finished_on) = reading_dates(file, values);
    let tags = line(file, Column::Tags);
    let tags = tags.split(',').map(str::trim).chain(paused);
    Some(FileBook {
        title: title?,
        author: author?,
        isbn,
        rating,
        notes: values.book_notes(&html::to_text(file.get(Column::Notes))),
        status,
        started_on,
        finished_on,
        // 0 stands for books that were not read.
        read_count: values.read_count(file.get(Column::ReadCount)).filter(|count| count.get() > 0),
        publisher: None,
        published_year: None,
        page_count: None,
        tags: values.tags(tags),
        added_at: values.added_at(file.get(Column::AddedAt)),
    })
}

fn line(file: &CsvValues, column: Column) -> String {
    single_spaced(&html::decode(file.get(column)))
}

/// The column has an ISBN, or an identifier of StoryGraph or Amazon, which is no mistake.
fn isbn(file: &CsvValues, values: &mut RowValues) -> Option<Isbn> {
    let text = file.get(Column::Isbn);
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_like_isbn = matches!(digits, 9 | 10 | 13) && !has_letters(text);
    if is_like_isbn { values.isbn(&[text]) } else { Isbn::parse(text).ok().flatten() }
}

/// Whether a text has letters other than the check digit X.
fn has_letters(text: &str) -> bool {
    text.chars().any(|c| c.is_alphabetic() && !matches!(c, 'x' | 'X'))
}

fn status(
    file: &CsvValues,
    values: &mut RowValues,
) -> (Option<ReadingStatus>, Option<&'static str>) {
    let text = line(file, Column::Status);
    let status = match text.to_ascii_lowercase().replace(' ', "-").as_str() {
        "" => None,
        "to-read" => Some(ReadingStatus::WantToRead),
        "currently-reading" => Some(ReadingStatus::Reading),
        "read" => Some(ReadingStatus::Read),
        "did-not-finish" => Some(ReadingStatus::DidNotFinish),
        PAUSED => return (Some(ReadingStatus::Reading), Some(PAUSED)),
        _ => {
            values.left_out("read status", &text, "is not one of StoryGraph");
            None
        }
    };
    (status, None)
}

/// The last of the ranges in which the book was read, else the last day.
fn reading_dates(
    file: &CsvValues,
    values: &mut RowValues,
) -> (Option<CalendarDate>, Option<CalendarDate>) {
    match values.last_range(file.get(Column::DatesRead)) {
        Some((started, finished)) => values.in_order(started, finished),
        None => (None, values.date("last date read", file.get(Column::FinishedOn))),
    }
}
