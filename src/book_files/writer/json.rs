//! Our JSON file: one book a line, with the names of the API.

use serde::Serialize;

use crate::book_files::bookshelf_csv::status_name;
use crate::book_files::model::FileBook;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::publisher::Publisher;
use crate::input::tags::Tags;

/// The version of the format. It increases when programs that read an older one would misunderstand it.
const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonBook<'a> {
    title: &'a str,
    author: &'a str,
    isbn: Option<&'a str>,
    rating: Option<i16>,
    status: Option<&'static str>,
    started_on: Option<String>,
    finished_on: Option<String>,
    read_count: Option<i32>,
    publisher: Option<&'a str>,
    published_year: Option<i16>,
    page_count: Option<i32>,
    tags: Vec<&'a str>,
    notes: Option<&'a str>,
    created_at: Option<String>,
}

pub(super) fn begin(output: &mut Vec<u8>) {
    let start = format!("{{\"format\":\"bookshelf\",\"version\":{VERSION},\"books\":[");
    output.extend_from_slice(start.as_bytes());
}

pub(super) fn write(book: &FileBook, is_first: bool, output: &mut Vec<u8>) {
    output.extend_from_slice(if is_first { b"\n" } else { b",\n" });
    let json = JsonBook {
        title: book.title.as_str(),
        author: book.author.as_str(),
        isbn: book.isbn.as_ref().map(Isbn::as_str),
        rating: book.rating.map(crate::input::rating::Rating::get),
        status: book.status.map(status_name),
        started_on: book.started_on.map(|date| date.to_string()),
        finished_on: book.finished_on.map(|date| date.to_string()),
        read_count: book.read_count.map(crate::input::read_count::ReadCount::get),
        publisher: book.publisher.as_ref().map(Publisher::as_str),
        published_year: book.published_year.map(crate::input::published_year::PublishedYear::get),
        page_count: book.page_count.map(crate::input::page_count::PageCount::get),
        tags: book.tags.iter().flat_map(Tags::iter).collect(),
        notes: book.notes.as_ref().map(Notes::as_str),
        created_at: book.added_at.map(|instant| instant.to_string()),
    };
    // Texts, numbers and lists of texts can be written to memory without an error.
    let _ = serde_json::to_writer(output, &json);
}

pub(super) fn end(output: &mut Vec<u8>) {
    output.extend_from_slice(b"\n]}\n");
}
