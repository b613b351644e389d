//! Writes files of books.

mod cells;
mod goodreads;
mod json;

use super::bookshelf_csv::status_name;
use super::columns::BOOKSHELF_COLUMNS;
use super::model::FileBook;
use super::spreadsheet::neutralize;
use super::tag_list;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::publisher::Publisher;
use cells::Cells;

/// A kind of file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BookFileFormat {
    /// Our CSV file, without loss.
    Csv,
    /// Our JSON file, without loss.
    Json,
    /// The CSV file of Goodreads, which has no place for some values.
    Goodreads,
}

/// Writes the books of a file one by one.
#[derive(Debug)]
pub(crate) struct BookFileWriter {
    format: BookFileFormat,
    books: u64,
}

impl BookFileFormat {
    /// `csv` or `json`.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Csv | Self::Goodreads => "csv",
            Self::Json => "json",
        }
    }

    /// The media type, with its character set.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Csv | Self::Goodreads => "text/csv; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

impl BookFileWriter {
    pub(crate) fn new(format: BookFileFormat) -> Self {
        Self { format, books: 0 }
    }

    /// Writes what precedes the books. To be called once.
    pub(crate) fn begin(&self, output: &mut Vec<u8>) {
        match self.format {
            BookFileFormat::Csv => {
                let mut cells = Cells::new(output);
                for (name, _) in BOOKSHELF_COLUMNS {
                    cells.push(name);
                }
                cells.end();
            }
            BookFileFormat::Goodreads => goodreads::write_header(output),
            BookFileFormat::Json => json::begin(output),
        }
    }

    pub(crate) fn write(&mut self, book: &FileBook, output: &mut Vec<u8>) {
        match self.format {
            BookFileFormat::Csv => write_csv(book, output),
            BookFileFormat::Goodreads => goodreads::write(book, self.books + 1, output),
            BookFileFormat::Json => json::write(book, self.books == 0, output),
        }
        self.books += 1;
    }

    /// Writes what follows the books. To be called once.
    pub(crate) fn end(&self, output: &mut Vec<u8>) {
        match self.format {
            BookFileFormat::Csv | BookFileFormat::Goodreads => {}
            BookFileFormat::Json => json::end(output),
        }
    }
}

/// In the order of [`BOOKSHELF_COLUMNS`].
fn write_csv(book: &FileBook, output: &mut Vec<u8>) {
    let FileBook { title, author, isbn, rating, notes, status, .. } = book;
    let FileBook { started_on, finished_on, read_count, publisher, .. } = book;
    let FileBook { published_year, page_count, tags, added_at, .. } = book;
    let tags = tags.as_ref().map(|tags| tag_list::join(tags.iter()));
    let mut cells = Cells::new(output);
    cells.push(&neutralize(title.as_str()));
    cells.push(&neutralize(author.as_str()));
    cells.push(isbn.as_ref().map_or("", Isbn::as_str));
    cells.push_any(rating.map(super::super::input::rating::Rating::get));
    cells.push(status.map_or("", status_name));
    cells.push_any(*started_on);
    cells.push_any(*finished_on);
    cells.push_any(read_count.map(super::super::input::read_count::ReadCount::get));
    cells.push(&neutralize(publisher.as_ref().map_or("", Publisher::as_str)));
    cells.push_any(published_year.map(super::super::input::published_year::PublishedYear::get));
    cells.push_any(page_count.map(super::super::input::page_count::PageCount::get));
    cells.push(&neutralize(tags.as_deref().unwrap_or_default()));
    cells.push(&neutralize(notes.as_ref().map_or("", Notes::as_str)));
    cells.push_any(*added_at);
    cells.end();
}
