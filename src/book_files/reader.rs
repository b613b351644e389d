//! Reads a file of books.

use bytes::Bytes;

use super::bookshelf_json::{JsonRow, JsonRows};
use super::columns::Column;
use super::csv_rows::{CsvRow, CsvRows};
use super::encoding::EncodedText;
use super::model::{FileBook, MAX_FILE_BYTES, MAX_FILE_ROWS, Source};
use super::unsupported_file::UnsupportedFile;
use super::values::RowValues;
use super::{bookshelf_csv, goodreads, storygraph};
use crate::input::title::Title;

/// Reads the rows of a file one by one. Beside the content of the file it uses a constant amount of memory.
pub(crate) struct BookFileReader {
    source: Source,
    rows: Rows,
    row_count: u32,
}

enum Rows {
    Csv(Box<CsvRows>),
    Json(JsonRows),
}

/// A row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileRow {
    /// The line in which it starts; the first line of the file is 1. Several books of a JSON file may start in one
    /// line.
    pub(crate) line: u32,
    /// The title as far as it can be shown; `None` if it is missing.
    pub(crate) title: Option<String>,
    /// An error if there is no title, or if the values cannot be told apart. The notes say why.
    pub(crate) book: Result<FileBook, ()>,
    /// What was changed or left out, in plain words.
    pub(crate) notes: Vec<String>,
}

impl BookFileReader {
    /// Finds out what kind of file it is, checks it as a whole and counts its rows. `source` is the kind that it must
    /// be; `None` accepts all kinds.
    ///
    /// # Errors
    /// If the file is of another kind, damaged or too large.
    pub(crate) fn open(content: Bytes, source: Option<Source>) -> Result<Self, UnsupportedFile> {
        if content.len() > MAX_FILE_BYTES {
            return Err(UnsupportedFile::TooManyBytes { bytes: content.len() });
        }
        let text = EncodedText::new(content);
        let is_json = match source {
            Some(source) => source == Source::BookshelfJson,
            None => text.starts_as_json(),
        };
        let (source, rows, row_count) = if is_json {
            let (rows, count) = JsonRows::open(text.into_utf8()?)?;
            (Source::BookshelfJson, Rows::Json(rows), count)
        } else {
            let (rows, count) = CsvRows::open(&text, source)?;
            (rows.source(), Rows::Csv(Box::new(rows)), count)
        };
        if row_count > MAX_FILE_ROWS {
            return Err(UnsupportedFile::TooManyRows { rows: row_count });
        }
        Ok(Self { source, rows, row_count })
    }

    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// The number of rows that the iterator returns in all.
    pub(crate) fn row_count(&self) -> u32 {
        self.row_count
    }
}

impl Iterator for BookFileReader {
    type Item = FileRow;

    fn next(&mut self) -> Option<FileRow> {
        match &mut self.rows {
            Rows::Csv(rows) => rows.next().map(|row| read_csv_row(self.source, &row)),
            Rows::Json(rows) => rows.next().map(|row| read_json_row(&row)),
        }
    }
}

fn read_csv_row(source: Source, row: &CsvRow<'_>) -> FileRow {
    let mut values = RowValues::default();
    let CsvRow { line, values: file, width, header_width, is_short, is_cut } = *row;
    if is_cut {
        values.note_cut();
    }
    let book = if width > header_width {
        values.note(format!(
            "the row has {width} values, but the first line has {header_width}; is a quotation mark missing?"
        ));
        None
    } else {
        if is_short {
            values.note(format!("the row ends early, with {width} of {header_width} values"));
        }
        match source {
            Source::Goodreads => goodreads::read(file, &mut values),
            Source::Storygraph => storygraph::read(file, &mut values),
            Source::BookshelfCsv | Source::BookshelfJson => bookshelf_csv::read(file, &mut values),
        }
    };
    file_row(line, file.get(Column::Title), book, values)
}

fn read_json_row(row: &JsonRow<'_>) -> FileRow {
    let mut values = RowValues::default();
    let Some(json) = &row.values else {
        values.note("the element is not an object with the values of a book");
        return file_row(row.line, "", None, values);
    };
    let book = json.read(&mut values);
    let title = if book.is_some() { String::new() } else { json.title() };
    file_row(row.line, &title, book, values)
}

fn file_row(line: u32, title: &str, book: Option<FileBook>, values: RowValues) -> FileRow {
    let title = match &book {
        Some(book) => Some(book.title.clone()),
        None => RowValues::default().title(title),
    };
    let title = title.map(|title: Title| title.as_str().to_owned());
    FileRow { line, title, book: book.ok_or(()), notes: values.into_notes() }
}
