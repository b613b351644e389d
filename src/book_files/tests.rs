//! Files of all kinds, read as a whole.

mod bad_input;
mod bookshelf;
mod goodreads;
mod sample_files;
mod spellings;
mod storygraph;

use bytes::Bytes;

use super::{
    BookFileFormat, BookFileReader, BookFileWriter, FileBook, FileRow, Source, UnsupportedFile,
};
use crate::input::tags::Tags;

fn open(file: impl Into<Bytes>) -> Result<BookFileReader, UnsupportedFile> {
    BookFileReader::open(file.into(), None)
}

/// The rows of a file of this kind.
fn rows(file: impl Into<Bytes>, source: Source) -> Vec<FileRow> {
    let reader = open(file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reader.source(), source);
    let count = reader.row_count();
    let rows: Vec<_> = reader.collect();
    assert_eq!(u32::try_from(rows.len()), Ok(count));
    rows
}

/// The message of a file that is refused.
fn refused(file: impl Into<Bytes>) -> String {
    match open(file) {
        Ok(reader) => panic!("read as {}", reader.source()),
        Err(error) => error.to_string(),
    }
}

/// What a book is, in short.
fn tags(book: &FileBook) -> Vec<&str> {
    book.tags.iter().flat_map(Tags::iter).collect()
}

fn book(row: &FileRow) -> &FileBook {
    row.book.as_ref().unwrap_or_else(|()| panic!("failed: {:?}", row.notes))
}

/// A file with these books.
fn written(format: BookFileFormat, books: &[FileBook]) -> Vec<u8> {
    let mut writer = BookFileWriter::new(format);
    let mut file = Vec::new();
    writer.begin(&mut file);
    for book in books {
        writer.write(book, &mut file);
    }
    writer.end(&mut file);
    file
}
