//! Our CSV file.

use super::columns::Column;
use super::csv_rows::CsvValues;
use super::model::FileBook;
use super::spreadsheet::restore;
use super::tag_list;
use super::values::RowValues;
use crate::input::reading_status::ReadingStatus;

pub(super) fn read(file: &CsvValues, values: &mut RowValues) -> Option<FileBook> {
    let get = |column| restore(file.get(column));
    let title = values.title(get(Column::Title));
    let author = values.author(get(Column::Author));
    let started_on = values.date("start of reading", get(Column::StartedOn));
    let finished_on = values.date("end of reading", get(Column::FinishedOn));
    let (started_on, finished_on) = values.in_order(started_on, finished_on);
    Some(FileBook {
        title: title?,
        author: author?,
        isbn: values.isbn(&[get(Column::Isbn)]),
        rating: values.rating(get(Column::Rating)),
        notes: values.book_notes(get(Column::Notes)),
        status: status(get(Column::Status), values),
        started_on,
        finished_on,
        read_count: values.read_count(get(Column::ReadCount)),
        publisher: values.publisher(get(Column::Publisher)),
        published_year: values.published_year(&[get(Column::PublishedYear)]),
        page_count: values.page_count(get(Column::PageCount)),
        tags: values.tags(tag_list::split(get(Column::Tags))),
        added_at: values.added_at(get(Column::AddedAt)),
    })
}

/// The name of a status in our files, which is that of the API.
pub(super) fn status_name(status: ReadingStatus) -> &'static str {
    match status {
        ReadingStatus::WantToRead => "WANT_TO_READ",
        ReadingStatus::Reading => "READING",
        ReadingStatus::Read => "READ",
        ReadingStatus::DidNotFinish => "DID_NOT_FINISH",
    }
}

/// The status with this name, in any case, and with spaces or hyphens for underscores.
pub(super) fn status(text: &str, values: &mut RowValues) -> Option<ReadingStatus> {
    let name = text.trim().to_ascii_uppercase().replace([' ', '-'], "_");
    let status = ReadingStatus::ALL.into_iter().find(|status| status_name(*status) == name);
    if status.is_none() && !name.is_empty() {
        values.left_out("status", text, "is not one of Bookshelf");
    }
    status
}
