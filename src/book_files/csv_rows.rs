//! The rows of a CSV file, with their values by column.

use super::columns::Column;
use super::csv_records::{CsvRecord, CsvRecords, UnclosedQuote};
use super::encoding::EncodedText;
use super::header::Header;
use super::model::Source;
use super::unsupported_file::UnsupportedFile;

/// Reads the rows after the header.
pub(super) struct CsvRows {
    header: Header,
    records: CsvRecords,
    values: CsvValues,
}

/// The values of the current row.
#[derive(Debug)]
pub(super) struct CsvValues {
    /// By column.
    texts: [String; Column::COUNT],
}

impl CsvValues {
    /// The value; empty if the file does not have the column.
    pub(super) fn get(&self, column: Column) -> &str {
        &self.texts[column as usize]
    }

    fn clear(&mut self) {
        self.texts.iter_mut().for_each(String::clear);
    }

    fn set(&mut self, column: Column, value: &str) {
        self.texts[column as usize].push_str(value);
    }
}

/// A row that is not blank.
#[derive(Debug)]
pub(super) struct CsvRow<'a> {
    pub(super) line: u32,
    pub(super) values: &'a CsvValues,
    /// How many values it has up to the last one that is not blank, and how many columns the header has.
    pub(super) width: usize,
    pub(super) header_width: usize,
    /// Whether it has fewer values than the header, blank ones included.
    pub(super) is_short: bool,
    pub(super) is_cut: bool,
}

impl CsvRows {
    /// Finds the header and counts the rows, without keeping any of them.
    pub(super) fn open(
        text: &EncodedText,
        wanted: Option<Source>,
    ) -> Result<(Self, u32), UnsupportedFile> {
        let mut header = Header::find(text, wanted)?;
        let mut count = count_rows(&header, text);
        // A spreadsheet quotes only the lines with quotation marks, so that the header may look as always.
        if !header.has_quoted_lines
            && let Ok(Count { rows, quoted_lines }) = count
            && quoted_lines > rows / 2
        {
            header.has_quoted_lines = true;
            count = count_rows(&header, text);
        }
        let Count { rows, .. } =
            count.map_err(|UnclosedQuote { line }| UnsupportedFile::UnclosedQuote { line })?;
        let mut records = header.records(text);
        // The header was read before.
        let _ = records.read(|_, _| {});
        let values = CsvValues { texts: Default::default() };
        Ok((Self { header, records, values }, rows))
    }

    pub(super) fn source(&self) -> Source {
        self.header.source
    }

    pub(super) fn next(&mut self) -> Option<CsvRow<'_>> {
        let Self { header, records, values } = self;
        let record = loop {
            values.clear();
            // Quotation marks are closed: the rows were counted.
            let record = records.read(|position, value| {
                if let Some(Some(column)) = header.columns.get(position) {
                    values.set(*column, value);
                }
            });
            let record = record.ok().flatten()?;
            if record.values > 0 {
                break record;
            }
        };
        let CsvRecord { line, values: width, all_values, is_cut } = record;
        let header_width = header.width;
        let is_short = all_values < header_width;
        Some(CsvRow { line, values, width, header_width, is_short, is_cut })
    }
}

/// The rows of a file that are not blank.
struct Count {
    rows: u32,
    /// Those that are one value with separators in it.
    quoted_lines: u32,
}

fn count_rows(header: &Header, text: &EncodedText) -> Result<Count, UnclosedQuote> {
    let mut records = header.records(text);
    records.read(|_, _| {})?;
    let (mut rows, mut quoted_lines) = (0, 0);
    let separator = char::from(header.separator);
    loop {
        let mut has_separator = false;
        let record = records.read(|_, value| has_separator |= value.contains(separator))?;
        let Some(record) = record else { return Ok(Count { rows, quoted_lines }) };
        rows += u32::from(record.values > 0);
        quoted_lines += u32::from(record.values == 1 && header.width > 1 && has_separator);
    }
}
