//! The CSV file of Goodreads. It has no place for the start of reading and for the time of day.

use super::cells::Cells;
use crate::book_files::goodreads::{CURRENTLY_READING, DID_NOT_FINISH, READ, TO_READ};
use crate::book_files::model::FileBook;
use crate::book_files::spreadsheet::neutralize;
use crate::input::calendar_date::CalendarDate;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::publisher::Publisher;
use crate::input::reading_status::ReadingStatus;
use crate::input::tags::Tags;

/// The form of 24 columns, which Goodreads exports today.
const HEADER: &str = "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,Publisher,Binding,Number of Pages,Year Published,Original Publication Year,Date Read,Date Added,Bookshelves,Bookshelves with positions,Exclusive Shelf,My Review,Spoiler,Private Notes,Read Count,Owned Copies";

pub(super) fn write_header(output: &mut Vec<u8>) {
    output.extend_from_slice(HEADER.as_bytes());
    output.push(b'\n');
}

/// `number` is written as the id of the book, which only Goodreads knows.
pub(super) fn write(book: &FileBook, number: u64, output: &mut Vec<u8>) {
    let isbn_13 = book.isbn.as_ref().map_or("", Isbn::as_str);
    let isbn_10 = book.isbn.as_ref().and_then(Isbn::to_isbn_10).unwrap_or_default();
    let shelves: Vec<_> = book.tags.iter().flat_map(Tags::iter).map(shelf).collect();
    let (finished_on, added_on) =
        (book.finished_on, book.added_at.and_then(CalendarDate::from_utc));
    let mut cells = Cells::new(output);
    cells.push(&number.to_string());
    cells.push(&neutralize(book.title.as_str()));
    cells.push(&neutralize(book.author.as_str()));
    cells.push("");
    cells.push("");
    cells.push(&format!("=\"{isbn_10}\""));
    cells.push(&format!("=\"{isbn_13}\""));
    cells.push(&book.rating.map_or(0, crate::input::rating::Rating::get).to_string());
    cells.push("");
    cells.push(&neutralize(book.publisher.as_ref().map_or("", Publisher::as_str)));
    cells.push("");
    cells.push_any(book.page_count.map(crate::input::page_count::PageCount::get));
    cells.push_any(book.published_year.map(crate::input::published_year::PublishedYear::get));
    cells.push("");
    cells.push(&date(finished_on));
    cells.push(&date(added_on));
    cells.push(&neutralize(&shelves.join(", ")));
    cells.push("");
    cells.push(exclusive_shelf(book));
    cells.push("");
    cells.push("");
    cells.push(&neutralize(&private_notes(book)));
    cells.push(&book.read_count.map_or(0, crate::input::read_count::ReadCount::get).to_string());
    cells.push("0");
    cells.end();
}

fn date(date: Option<CalendarDate>) -> String {
    date.map_or_else(String::new, |date| date.to_string().replace('-', "/"))
}

/// A shelf has no spaces and commas in its name.
fn shelf(tag: &str) -> String {
    let words = tag.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Each book is on one of these shelves; one without a status is on the first.
fn exclusive_shelf(book: &FileBook) -> &'static str {
    match book.status {
        None | Some(ReadingStatus::WantToRead) => TO_READ,
        Some(ReadingStatus::Reading) => CURRENTLY_READING,
        Some(ReadingStatus::Read) => READ,
        Some(ReadingStatus::DidNotFinish) => DID_NOT_FINISH,
    }
}

/// Not a review, which Goodreads would publish. It is HTML too.
fn private_notes(book: &FileBook) -> String {
    let notes = book.notes.as_ref().map_or("", Notes::as_str);
    html_escape::encode_text(notes).replace('\n', "<br/>")
}
