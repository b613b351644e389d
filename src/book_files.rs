//! Files of books: reading those of Goodreads, of StoryGraph and our own, and writing our own and Goodreads'. Nothing
//! here uses the database.
//!
//! A file is read row by row, so that memory does not depend on its size. What a row says is made into the same
//! validated values as the input of a mutation, with a note in plain words for each value that had to be changed or
//! left out.

mod bookshelf_csv;
mod bookshelf_json;
mod columns;
mod csv_records;
mod csv_rows;
mod encoding;
mod goodreads;
mod header;
mod html;
mod model;
mod quoted_lines;
mod reader;
mod spreadsheet;
mod storygraph;
mod tag_list;
mod unsupported_file;
mod values;
mod writer;

pub(crate) use model::{FileBook, MAX_FILE_BYTES, Source};
pub(crate) use reader::{BookFileReader, FileRow};
pub(crate) use unsupported_file::UnsupportedFile;
pub(crate) use writer::{BookFileFormat, BookFileWriter};

#[cfg(test)]
mod tests;
