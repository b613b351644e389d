//! Reads the records of a CSV file (RFC 4180), and the line in which each starts.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use super::encoding::TextReader;

/// How many bytes of a value are read. The longest text of a book has 80,000 bytes.
pub(super) const MAX_VALUE_BYTES: usize = 256 << 10;

/// Reads records one by one, with a constant amount of memory. Lines end with CR, LF or both; blank lines are
/// skipped.
pub(super) struct CsvRecords {
    input: TextReader,
    parser: Reader,
    /// The line of the next byte; the first line is 1.
    line: u32,
    after_carriage_return: bool,
    value: Vec<u8>,
    /// For the part of a value that is not kept.
    rest: Vec<u8>,
}

/// A record. Its values were passed on while it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CsvRecord {
    /// The line in which it starts.
    pub(super) line: u32,
    /// The number of its values up to the last one that is not blank; 0 if all are blank.
    pub(super) values: usize,
    /// The number of all its values.
    pub(super) all_values: usize,
    /// Whether a value was longer than what is read of it.
    pub(super) is_cut: bool,
}

/// The file ends within quotation marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnclosedQuote {
    /// The line in which the last record starts.
    pub(super) line: u32,
}

impl CsvRecords {
    pub(super) fn new(input: TextReader, separator: u8) -> Self {
        Self {
            input,
            parser: ReaderBuilder::new().delimiter(separator).build(),
            line: 1,
            after_carriage_return: false,
            value: vec![0; MAX_VALUE_BYTES],
            rest: vec![0; 4 << 10],
        }
    }

    /// Reads the next record, and passes on each of its values with its position. `None` at the end.
    pub(super) fn read(
        &mut self,
        mut take: impl FnMut(usize, &str),
    ) -> Result<Option<CsvRecord>, UnclosedQuote> {
        if !self.skip_line_breaks() {
            return Ok(None);
        }
        let line = self.line;
        let mut record = CsvRecord { line, values: 0, all_values: 0, is_cut: false };
        let (mut length, mut is_full) = (0, false);
        loop {
            let input = self.input.fill_buf().unwrap_or_default();
            let is_end = input.is_empty();
            // Without quotation marks that are open, a line break ends the last record.
            let input = if is_end { b"\n" } else { input };
            let output = if is_full { &mut self.rest[..] } else { &mut self.value[length..] };
            let (result, read, written) = self.parser.read_field(input, output);
            if !is_end {
                let breaks = count_line_breaks(&input[..read], &mut self.after_carriage_return);
                self.line = self.line.saturating_add(breaks);
                self.input.consume(read);
            }
            if !is_full {
                length += written;
            }
            match result {
                ReadFieldResult::InputEmpty if is_end => return Err(UnclosedQuote { line }),
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::OutputFull => is_full = true,
                ReadFieldResult::End => return Ok(Some(record)),
                ReadFieldResult::Field { record_end } => {
                    record.is_cut |= is_full;
                    let value = valid_start(&self.value[..length]);
                    take(record.all_values, value);
                    record.all_values += 1;
                    if !value.trim().is_empty() {
                        record.values = record.all_values;
                    }
                    if record_end {
                        return Ok(Some(record));
                    }
                    (length, is_full) = (0, false);
                }
            }
        }
    }

    /// False at the end of the file.
    fn skip_line_breaks(&mut self) -> bool {
        loop {
            let input = self.input.fill_buf().unwrap_or_default();
            if input.is_empty() {
                return false;
            }
            let end = input.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
            let skipped = end.unwrap_or(input.len());
            let breaks = count_line_breaks(&input[..skipped], &mut self.after_carriage_return);
            self.line = self.line.saturating_add(breaks);
            self.input.consume(skipped);
            if end.is_some() {
                return true;
            }
        }
    }
}

/// The number of line breaks; CR LF is one, also if the LF is in the next part of the text.
fn count_line_breaks(text: &[u8], after_carriage_return: &mut bool) -> u32 {
    let mut breaks = 0;
    let mut previous = None;
    for position in memchr::memchr2_iter(b'\r', b'\n', text) {
        let follows_carriage_return = match position.checked_sub(1) {
            None => *after_carriage_return,
            before => before == previous,
        };
        let is_carriage_return = text[position] == b'\r';
        if is_carriage_return || !follows_carriage_return {
            breaks += 1;
        }
        previous = is_carriage_return.then_some(position);
    }
    if let Some(last) = text.last() {
        *after_carriage_return = *last == b'\r';
    }
    breaks
}

/// The text up to the first invalid character. A value can only be invalid at its end, where it was cut.
fn valid_start(bytes: &[u8]) -> &str {
    bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}

#[cfg(test)]
mod tests {
    use bytes::{Buf, Bytes};

    use super::*;

    fn reader(text: &str) -> CsvRecords {
        CsvRecords::new(Box::new(Bytes::from(text.to_owned()).reader()), b',')
    }

    fn records(text: &str) -> Result<Vec<(u32, Vec<String>)>, UnclosedQuote> {
        let mut records = reader(text);
        let mut all = Vec::new();
        loop {
            let mut values = Vec::new();
            match records.read(|_, value| values.push(value.to_owned()))? {
                Some(record) => all.push((record.line, values)),
                None => return Ok(all),
            }
        }
    }

    fn record(line: u32, values: &[&str]) -> (u32, Vec<String>) {
        (line, values.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn records_count_by_their_first_line() {
        for line_break in ["\n", "\r\n", "\r"] {
            let text = "\na,b\n\n\n\"1\n2\",c\n\n d,\"\"\"e\"\"\"".replace('\n', line_break);
            let two_lines = format!("1{line_break}2");
            let expected = [
                record(2, &["a", "b"]),
                record(5, &[&two_lines, "c"]),
                record(8, &[" d", "\"e\""]),
            ];
            assert_eq!(records(&text), Ok(expected.to_vec()), "{line_break:?}");
        }
        assert_eq!(records(""), Ok(vec![]));
        assert_eq!(records("\r\n\n"), Ok(vec![]));
        assert_eq!(records("a\n\"\""), Ok(vec![record(1, &["a"]), record(2, &[""])]));
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_is_an_error() {
        assert_eq!(records("a,b\nc,\"d\n\ne,f\n"), Err(UnclosedQuote { line: 2 }));
        assert_eq!(records("a,\""), Err(UnclosedQuote { line: 1 }));
        assert_eq!(records("a\"b,c"), Ok(vec![record(1, &["a\"b", "c"])]));
    }

    #[test]
    fn the_number_of_values_ends_with_the_last_one_that_is_not_blank() {
        for (text, values, all_values) in [("a,,b, ,\n", 3, 5), (",, \n", 0, 3), (" \n", 0, 1)] {
            let record = reader(text).read(|_, _| {}).expect("closed").expect("a record");
            assert_eq!((record.values, record.all_values), (values, all_values), "{text:?}");
        }
    }

    #[test]
    fn a_value_is_cut_at_a_character() {
        let text = format!("a,x{}\nb,c", "é".repeat(1 << 20));
        let mut records = reader(&text);
        let mut length = 0;
        let record = records.read(|_, value| length = value.len()).expect("closed");
        assert!(record.expect("a record").is_cut);
        assert_eq!(length, MAX_VALUE_BYTES - 1);
        let mut values = Vec::new();
        let next = records.read(|_, value| values.push(value.to_owned())).expect("closed");
        assert_eq!(
            (next.expect("a record").line, values),
            (2, vec!["b".to_owned(), "c".to_owned()])
        );
    }
}
