//! Undoes what a spreadsheet does to a CSV file whose separator it does not expect: it takes each line for one cell,
//! and quotes it once more as a whole, so that `1,"A, B",C` becomes `"1,""A, B"",C"`.

use std::io::{self, BufRead, Read};

use super::encoding::TextReader;

/// How much is converted at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// The text within the quotation marks of each line. Lines without quotation marks are unchanged; each line ends with
/// U+000A, and the number of lines is the same.
pub(super) struct QuotedLines {
    input: TextReader,
    state: State,
    after_carriage_return: bool,
    output: Vec<u8>,
    /// How much of the output was read.
    position: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    LineStart,
    Unquoted,
    Quoted,
    /// After a quotation mark within quotation marks: the end of the line, or the first of two.
    QuoteInQuoted,
    /// After the end of the quotation marks, where a spreadsheet adds a separator for each empty cell.
    Trailing,
}

impl QuotedLines {
    pub(super) fn new(input: TextReader) -> Self {
        Self {
            input,
            state: State::LineStart,
            after_carriage_return: false,
            output: Vec::with_capacity(CHUNK_BYTES),
            position: 0,
        }
    }

    fn convert(&mut self, byte: u8) {
        let after_carriage_return = std::mem::take(&mut self.after_carriage_return);
        if self.state == State::Quoted {
            match byte {
                b'"' => self.state = State::QuoteInQuoted,
                _ => self.output.push(byte),
            }
            return;
        }
        match (self.state, byte) {
            (_, b'\n') if after_carriage_return => {}
            (_, b'\n' | b'\r') => {
                self.output.push(b'\n');
                self.after_carriage_return = byte == b'\r';
                self.state = State::LineStart;
            }
            (State::LineStart, b'"') => self.state = State::Quoted,
            (State::QuoteInQuoted, b'"') => {
                self.output.push(b'"');
                self.state = State::Quoted;
            }
            (State::QuoteInQuoted | State::Trailing, b',' | b';' | b'\t' | b' ') => {
                self.state = State::Trailing;
            }
            _ => {
                self.output.push(byte);
                self.state = State::Unquoted;
            }
        }
    }
}

impl BufRead for QuotedLines {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.position == self.output.len() {
            self.output.clear();
            self.position = 0;
            let input = self.input.fill_buf()?;
            let chunk = input[..input.len().min(CHUNK_BYTES)].to_vec();
            if chunk.is_empty() {
                break;
            }
            for byte in &chunk {
                self.convert(*byte);
            }
            self.input.consume(chunk.len());
        }
        Ok(&self.output[self.position..])
    }

    fn consume(&mut self, bytes: usize) {
        self.position += bytes;
    }
}

impl Read for QuotedLines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Buf, Bytes};

    use super::*;

    fn converted(text: &'static str) -> String {
        let input = Box::new(Bytes::from_static(text.as_bytes()).reader());
        let mut output = String::new();
        QuotedLines::new(input).read_to_string(&mut output).expect("UTF-8");
        output
    }

    #[test]
    fn quotation_marks_around_lines_are_removed() {
        assert_eq!(converted("\"a,\"\"b, c\"\",d\"\n"), "a,\"b, c\",d\n");
        assert_eq!(converted("a,b\r\n\r\n\"\"\"x\"\",y\";;;\r\n"), "a,b\n\n\"x\",y\n");
        assert_eq!(converted("\"a\"\r\"b\""), "a\nb");
    }

    #[test]
    fn line_breaks_within_a_value_stay() {
        let whole = "\"1,\"\"one\ntwo\"\",x\"\n";
        assert_eq!(converted(whole), "1,\"one\ntwo\",x\n");
        let split = "\"1,\"\"one\"\ntwo\n\"three\"\",x\"\n";
        assert_eq!(converted(split), "1,\"one\ntwo\nthree\",x\n");
    }
}
