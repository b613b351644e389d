//! The CSV file of Goodreads, in its form of 24 columns and the older one of 31.

use super::columns::Column;
use super::csv_rows::CsvValues;
use super::html;
use super::model::FileBook;
use super::spreadsheet::restore;
use super::values::{RowValues, join_paragraphs, single_spaced};
use crate::input::reading_status::ReadingStatus;

/// The shelves that every account has. A book is on one of them, or on an exclusive shelf that the owner made.
pub(super) const TO_READ: &str = "to-read";
pub(super) const CURRENTLY_READING: &str = "currently-reading";
pub(super) const READ: &str = "read";

/// What owners call a shelf for books that they gave up.
pub(super) const DID_NOT_FINISH: &str = "did-not-finish";
const DID_NOT_FINISH_SHORT: &str = "dnf";

pub(super) fn read(file: &CsvValues, values: &mut RowValues) -> Option<FileBook> {
    let title = values.title(&line(file, Column::Title));
    let author = values.author(&authors(file));
    let (status, tags) = shelves(file);
    Some(FileBook {
        title: title?,
        author: author?,
        isbn: values.isbn(&[file.get(Column::Isbn13), file.get(Column::Isbn)]),
        rating: values.rating(file.get(Column::Rating)),
        notes: values.book_notes(&notes(file)),
        status,
        started_on: None,
        finished_on: values.date("date read", file.get(Column::FinishedOn)),
        // 0 stands for books that were not read, and for some that were.
        read_count: values.read_count(file.get(Column::ReadCount)).filter(|count| count.get() > 0),
        publisher: values.publisher(&line(file, Column::Publisher)),
        published_year: values
            .published_year(&[file.get(Column::PublishedYear), file.get(Column::OriginalYear)]),
        page_count: values.page_count(file.get(Column::PageCount)),
        tags: values.tags(tags.into_iter()),
        added_at: values.added_at(file.get(Column::AddedAt)),
    })
}

fn line(file: &CsvValues, column: Column) -> String {
    single_spaced(&html::decode(restore(file.get(column))))
}

/// The author, and the additional authors.
fn authors(file: &CsvValues) -> String {
    let author = line(file, Column::Author);
    let extra = line(file, Column::ExtraAuthors);
    let mut authors = vec![author.as_str()];
    for name in extra.split(',').map(str::trim) {
        if !authors.contains(&name) {
            authors.push(name);
        }
    }
    authors.retain(|name| !name.is_empty());
    authors.join(", ")
}

/// The review, and the private notes.
fn notes(file: &CsvValues) -> String {
    let [review, private] = [Column::Notes, Column::PrivateNotes]
        .map(|column| html::to_text(restore(file.get(column))));
    join_paragraphs(&review, &private)
}

/// How far the owner is with the book, and its tags: all shelves but those that say how far. An exclusive shelf that the
/// owner made is a tag.
fn shelves(file: &CsvValues) -> (Option<ReadingStatus>, Vec<String>) {
    let exclusive = line(file, Column::Status);
    let all = line(file, Column::Shelves);
    let mut shelves: Vec<&str> = all.split(',').map(str::trim).collect();
    // Files that people have edited may not have the column of the exclusive shelf.
    let exclusive = match exclusive.is_empty() {
        true => shelves.iter().copied().find(|shelf| standard(shelf).is_some()).unwrap_or_default(),
        false => exclusive.as_str(),
    };
    let status = standard(exclusive);
    if status.is_some() {
        shelves.retain(|shelf| !shelf.eq_ignore_ascii_case(exclusive));
    } else if !shelves.contains(&exclusive) {
        shelves.insert(0, exclusive);
    }
    let given_up = [DID_NOT_FINISH, DID_NOT_FINISH_SHORT]
        .iter()
        .any(|shelf| shelf.eq_ignore_ascii_case(exclusive))
        .then_some(ReadingStatus::DidNotFinish);
    (status.or(given_up), shelves.into_iter().map(str::to_owned).collect())
}

fn standard(shelf: &str) -> Option<ReadingStatus> {
    match shelf.to_ascii_lowercase().as_str() {
        TO_READ => Some(ReadingStatus::WantToRead),
        CURRENTLY_READING => Some(ReadingStatus::Reading),
        READ => Some(ReadingStatus::Read),
        _ => None,
    }
}
