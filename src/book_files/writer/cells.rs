//! A line of a CSV file (RFC 4180).

use std::fmt::Display;

/// Writes the cells of one line.
pub(super) struct Cells<'a> {
    output: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Cells<'a> {
    pub(super) fn new(output: &'a mut Vec<u8>) -> Self {
        Self { output, is_first: true }
    }

    pub(super) fn push(&mut self, text: &str) {
        if !std::mem::take(&mut self.is_first) {
            self.output.push(b',');
        }
        // Programs that expect another separator understand quotation marks too.
        if !text.contains([',', ';', '\t', '"', '\r', '\n']) {
            return self.output.extend_from_slice(text.as_bytes());
        }
        self.output.push(b'"');
        for (index, part) in text.split('"').enumerate() {
            if index > 0 {
                self.output.extend_from_slice(b"\"\"");
            }
            self.output.extend_from_slice(part.as_bytes());
        }
        self.output.push(b'"');
    }

    /// A blank cell for `None`.
    pub(super) fn push_any(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.push(&value.to_string()),
            None => self.push(""),
        }
    }

    pub(super) fn end(self) {
        self.output.push(b'\n');
    }
}
