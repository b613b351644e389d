//! The header of a CSV file: what kind of file it is, its separator, and what each column contains.

use super::model::Source;
use std::io::Read;

use super::columns::{Column, LAYOUTS};
use super::csv_records::CsvRecords;
use super::encoding::{EncodedText, TextReader};
use super::quoted_lines::QuotedLines;
use super::unsupported_file::UnsupportedFile;

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// Maximum number of columns. Goodreads has 31.
const MAX_COLUMNS: usize = 1_000;

/// How many bytes are read to find the header.
const MAX_HEADER_BYTES: u64 = 256 << 10;

/// How a CSV file is to be read.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) source: Source,
    pub(super) separator: u8,
    /// Whether each line is quoted once more as a whole.
    pub(super) has_quoted_lines: bool,
    /// What each column contains; `None` if nothing that is imported.
    pub(super) columns: Vec<Option<Column>>,
    /// The number of all columns.
    pub(super) width: usize,
}

impl Header {
    /// Finds the header. `wanted` is the kind of file that it must be, if any.
    pub(super) fn find(
        text: &EncodedText,
        wanted: Option<Source>,
    ) -> Result<Self, UnsupportedFile> {
        let mut found = None;
        for has_quoted_lines in [false, true] {
            for separator in SEPARATORS {
                let names = Names::read(text, separator, has_quoted_lines);
                if let Some(header) = names.recognize(wanted, separator, has_quoted_lines)? {
                    return Ok(header);
                }
                if found.as_ref().is_none_or(|found: &Names| names.count > found.count) {
                    found = Some(names);
                }
            }
        }
        let found = found.map_or_else(String::new, |names| names.describe(text.content()));
        Err(UnsupportedFile::Unrecognized { source_wanted: wanted, found })
    }

    /// Reads the file from its start, with the header.
    pub(super) fn records(&self, text: &EncodedText) -> CsvRecords {
        CsvRecords::new(unquoted(text.reader(), self.has_quoted_lines), self.separator)
    }
}

fn unquoted(text: TextReader, has_quoted_lines: bool) -> TextReader {
    if has_quoted_lines { Box::new(QuotedLines::new(text)) } else { text }
}

/// The values of the first line.
#[derive(Debug, Default)]
struct Names {
    /// At most [`MAX_COLUMNS`].
    names: Vec<String>,
    count: usize,
}

impl Names {
    fn read(text: &EncodedText, separator: u8, has_quoted_lines: bool) -> Self {
        let mut found = Self::default();
        let start = Box::new(text.reader().take(MAX_HEADER_BYTES));
        let mut records = CsvRecords::new(unquoted(start, has_quoted_lines), separator);
        // The column names of a file that ends within quotation marks may still be there.
        let _ = records.read(|position, name| {
            found.count = position + 1;
            if position < MAX_COLUMNS {
                found.names.push(first_chars(name, 100));
            }
        });
        found
    }

    fn recognize(
        &self,
        wanted: Option<Source>,
        separator: u8,
        has_quoted_lines: bool,
    ) -> Result<Option<Header>, UnsupportedFile> {
        for layout in LAYOUTS.iter().filter(|layout| wanted.is_none_or(|it| layout.source == it)) {
            let columns: Vec<_> = self.names.iter().map(|name| layout.column(name)).collect();
            if self.count <= MAX_COLUMNS && layout.matches(&columns) {
                self.reject_duplicates(&columns)?;
                let (source, width) = (layout.source, self.count);
                return Ok(Some(Header { source, separator, has_quoted_lines, columns, width }));
            }
        }
        Ok(None)
    }

    fn reject_duplicates(&self, columns: &[Option<Column>]) -> Result<(), UnsupportedFile> {
        for (position, column) in columns.iter().enumerate() {
            if column.is_some() && columns[..position].contains(column) {
                let name = self.names.get(position).map_or("", |name| name.trim()).to_owned();
                return Err(UnsupportedFile::DuplicateColumn { name });
            }
        }
        Ok(())
    }

    /// What was found, in plain words.
    fn describe(&self, content: &[u8]) -> String {
        if let Some(kind) = other_kind(content) {
            return kind.to_owned();
        }
        let names = self.names.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        let names: Vec<_> = names.take(4).map(|name| first_chars(&printable(name), 20)).collect();
        match self.count {
            0 => "a file without text".to_owned(),
            1 => format!("a first line with one column: {}", names.concat()),
            count if count > MAX_COLUMNS => {
                format!("a first line with more than {MAX_COLUMNS} columns")
            }
            count => format!("a first line with {count} columns: {} …", names.join(", ")),
        }
    }
}

/// Files that people choose by mistake.
fn other_kind(content: &[u8]) -> Option<&'static str> {
    match content {
        [] => Some("an empty file"),
        [b'P', b'K', 3, 4, ..] => {
            Some("a ZIP archive or a spreadsheet such as .xlsx; please save the spreadsheet as CSV")
        }
        [b'%', b'P', b'D', b'F', ..] => Some("a PDF file"),
        [b'{' | b'[', ..] => Some("JSON"),
        [b'<', ..] => Some("a web page or XML"),
        _ if content.iter().take(64).all(|byte| *byte == 0) => Some("NUL bytes"),
        _ if content.iter().take(64).any(|byte| *byte < b'\t') => Some("binary data"),
        _ => None,
    }
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn first_chars(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}
