//! Our JSON file: an object with the list `books`. Its elements are read one by one, however the file is formatted.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::bookshelf_csv::status;
use super::csv_records::MAX_VALUE_BYTES;
use super::model::{FileBook, Source};
use super::unsupported_file::UnsupportedFile;
use super::values::{MAX_TAGS_READ, RowValues};

/// Reads the elements of the list.
#[derive(Debug)]
pub(super) struct JsonRows {
    file: JsonFile,
    is_first: bool,
}

/// An element of the list.
#[derive(Debug)]
pub(super) struct JsonRow<'a> {
    /// The line in which it starts.
    pub(super) line: u32,
    /// `None` if it is not an object, or has a name twice.
    pub(super) values: Option<JsonValues<'a>>,
}

/// The values of a book, with the names of the API. `None` if absent or null.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JsonValues<'a> {
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    author: Option<&'a RawValue>,
    isbn: Option<&'a RawValue>,
    rating: Option<&'a RawValue>,
    notes: Option<&'a RawValue>,
    status: Option<&'a RawValue>,
    started_on: Option<&'a RawValue>,
    finished_on: Option<&'a RawValue>,
    read_count: Option<&'a RawValue>,
    publisher: Option<&'a RawValue>,
    published_year: Option<&'a RawValue>,
    page_count: Option<&'a RawValue>,
    tags: Option<&'a RawValue>,
    created_at: Option<&'a RawValue>,
}

impl JsonRows {
    /// Checks the whole file and counts the elements. The content is UTF-8.
    pub(super) fn open(content: Bytes) -> Result<(Self, u32), UnsupportedFile> {
        let mut file = JsonFile { content, position: 0, line: 1, counted: 0 };
        file.enter_list()?;
        let start = (file.position, file.line, file.counted);
        let mut rows = 0_u32;
        while file.next_element(rows == 0)? {
            file.skip_value()?;
            rows += 1;
        }
        file.leave_object()?;
        (file.position, file.line, file.counted) = start;
        Ok((Self { file, is_first: true }, rows))
    }

    pub(super) fn next(&mut self) -> Option<JsonRow<'_>> {
        // The file was checked when it was opened.
        if !self.file.next_element(self.is_first).ok()? {
            return None;
        }
        self.is_first = false;
        let line = self.file.line();
        let element = self.file.skip_value().ok()?;
        let values = serde_json::from_slice(&self.file.content[element]).ok();
        Some(JsonRow { line, values })
    }
}

impl JsonValues<'_> {
    /// The title, for a row that fails.
    pub(super) fn title(&self) -> String {
        self.title.and_then(|title| string(title).text).unwrap_or_default()
    }

    pub(super) fn read(&self, values: &mut RowValues) -> Option<FileBook> {
        let mut is_cut = false;
        let mut text = |name, value| {
            let (text, was_cut) = text_value(name, value, values);
            is_cut |= was_cut;
            text
        };
        let title = text("title", self.title);
        let author = text("author", self.author);
        let isbn = text("isbn", self.isbn);
        let rating = text("rating", self.rating);
        let notes = text("notes", self.notes);
        let status_text = text("status", self.status);
        let started_on = text("startedOn", self.started_on);
        let finished_on = text("finishedOn", self.finished_on);
        let read_count = text("readCount", self.read_count);
        let publisher = text("publisher", self.publisher);
        let published_year = text("publishedYear", self.published_year);
        let page_count = text("pageCount", self.page_count);
        let created_at = text("createdAt", self.created_at);
        let tags = self.tags(values);
        if is_cut {
            values.note_cut();
        }

        let title = values.title(&title);
        let author = values.author(&author);
        let started_on = values.date("startedOn", &started_on);
        let finished_on = values.date("finishedOn", &finished_on);
        let (started_on, finished_on) = values.in_order(started_on, finished_on);
        Some(FileBook {
            title: title?,
            author: author?,
            isbn: values.isbn(&[&isbn]),
            rating: values.rating(&rating),
            notes: values.book_notes(&notes),
            status: status(&status_text, values),
            started_on,
            finished_on,
            read_count: values.read_count(&read_count),
            publisher: values.publisher(&publisher),
            published_year: values.published_year(&[&published_year]),
            page_count: values.page_count(&page_count),
            tags: values.tags(tags.into_iter()),
            added_at: values.added_at(&created_at),
        })
    }

    fn tags(&self, values: &mut RowValues) -> Vec<String> {
        let Some(list) = self.tags else { return Vec::new() };
        let read = serde_json::from_str::<FirstTags<'_>>(list.get()).ok().and_then(|first| {
            let texts = first.tags.into_iter().map(|tag| string(tag).text);
            Some((texts.collect::<Option<Vec<_>>>()?, first.is_cut))
        });
        let Some((tags, is_cut)) = read else {
            values.note("tags is not a list of texts; imported without it");
            return Vec::new();
        };
        if is_cut {
            values.note_cut();
        }
        tags
    }
}

/// The first elements of a list of tags: one more than is looked at, of [`MAX_VALUE_BYTES`] together.
struct FirstTags<'a> {
    tags: Vec<&'a RawValue>,
    /// Whether elements were left out because of their length.
    is_cut: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for FirstTags<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FirstTagsVisitor;

        impl<'de> Visitor<'de> for FirstTagsVisitor {
            type Value = FirstTags<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let (mut tags, mut bytes, mut is_cut) = (Vec::new(), 0, false);
                while tags.len() <= MAX_TAGS_READ && !is_cut {
                    let Some(tag) = list.next_element::<&RawValue>()? else { break };
                    bytes += tag.get().len();
                    is_cut = bytes > MAX_VALUE_BYTES;
                    if !is_cut {
                        tags.push(tag);
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(FirstTags { tags, is_cut })
            }
        }

        deserializer.deserialize_seq(FirstTagsVisitor)
    }
}

/// The text of a string or of a number, and whether it was cut; empty, with a note, for other values.
fn text_value(name: &str, value: Option<&RawValue>, values: &mut RowValues) -> (String, bool) {
    let Some(raw) = value else { return (String::new(), false) };
    let is_number = raw.get().starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let StringStart { text, is_cut } = if is_number {
        let number = raw.get();
        let start = number.get(..MAX_VALUE_BYTES);
        StringStart { text: Some(start.unwrap_or(number).to_owned()), is_cut: start.is_some() }
    } else {
        string(raw)
    };
    let text = text.unwrap_or_else(|| {
        values.note(format!("{name} is neither text nor a number; imported without it"));
        String::new()
    });
    (text, is_cut)
}

/// The start of a string.
struct StringStart {
    /// `None` if the value is not a string.
    text: Option<String>,
    /// Whether the string is longer.
    is_cut: bool,
}

/// A string of at most [`MAX_VALUE_BYTES`] in the file, in which a character may be an escape sequence.
fn string(value: &RawValue) -> StringStart {
    let json = value.get();
    if json.len() <= MAX_VALUE_BYTES || !json.starts_with('"') {
        return StringStart { text: serde_json::from_str(json).ok(), is_cut: false };
    }
    // A character takes at most two escape sequences of six bytes each.
    let text = (0..12).find_map(|dropped| {
        let start = json.get(..MAX_VALUE_BYTES - dropped)?;
        serde_json::from_str(&format!("{start}\"")).ok()
    });
    StringStart { text, is_cut: true }
}

/// A JSON text, and how far it was read.
#[derive(Debug)]
struct JsonFile {
    content: Bytes,
    position: usize,
    /// The line of the byte `counted`.
    line: u32,
    counted: usize,
}

impl JsonFile {
    /// Reads up to the first element of the list `books`.
    fn enter_list(&mut self) -> Result<(), UnsupportedFile> {
        if self.peek() != Some(b'{') {
            return Err(unrecognized("JSON that is not an object"));
        }
        self.position += 1;
        let mut is_first = true;
        while self.next_in(b'}', is_first)? {
            is_first = false;
            let name = self.skip_value()?;
            let is_list = serde_json::from_slice::<String>(&self.content[name]);
            self.expect(b':')?;
            if is_list.is_ok_and(|name| name == "books") {
                return match self.peek() {
                    Some(b'[') => {
                        self.position += 1;
                        Ok(())
                    }
                    _ => Err(unrecognized("JSON with \"books\" that is not a list")),
                };
            }
            self.skip_value()?;
        }
        Err(unrecognized("a JSON object without a list \"books\""))
    }

    /// Whether another element of the list follows; otherwise reads the end of the list.
    fn next_element(&mut self, is_first: bool) -> Result<bool, UnsupportedFile> {
        self.next_in(b']', is_first)
    }

    /// Reads the rest of the object, up to the end of the file.
    fn leave_object(&mut self) -> Result<(), UnsupportedFile> {
        while self.next_in(b'}', false)? {
            self.skip_value()?;
            self.expect(b':')?;
            self.skip_value()?;
        }
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.invalid("there is text after the end of the object")),
        }
    }

    /// Whether another element follows before `end`. Reads the comma before it, or the end.
    fn next_in(&mut self, end: u8, is_first: bool) -> Result<bool, UnsupportedFile> {
        let next = self.peek();
        if next == Some(end) {
            self.position += 1;
            return Ok(false);
        }
        if !is_first {
            self.expect(b',')?;
        }
        match self.peek() {
            Some(_) => Ok(true),
            None => Err(self.invalid("the file ends early")),
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), UnsupportedFile> {
        match self.peek() {
            Some(found) if found == byte => {
                self.position += 1;
                Ok(())
            }
            Some(_) => Err(self.invalid(&format!("\"{}\" is missing", char::from(byte)))),
            None => Err(self.invalid("the file ends early")),
        }
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.content[self.position..];
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let skipped = rest.iter().position(|byte| !blank(byte)).unwrap_or(rest.len());
        self.position += skipped;
        self.content.get(self.position).copied()
    }

    /// Checks a value, and returns where it is. Nesting takes no stack.
    fn skip_value(&mut self) -> Result<Range<usize>, UnsupportedFile> {
        self.peek();
        let start = self.position;
        let rest = &self.content[start..];
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
        let value = values.next();
        self.position += values.byte_offset();
        match value {
            Some(Ok(IgnoredAny)) => Ok(start..self.position),
            Some(Err(error)) if !error.is_eof() => Err(self.invalid("it is not valid JSON")),
            _ => Err(self.invalid("the file ends early")),
        }
    }

    /// The line of the current position.
    fn line(&mut self) -> u32 {
        let lines = memchr::memchr_iter(b'\n', &self.content[self.counted..self.position]).count();
        self.counted = self.position;
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.line
    }

    fn invalid(&mut self, problem: &str) -> UnsupportedFile {
        UnsupportedFile::InvalidJson { line: self.line(), problem: problem.to_owned() }
    }
}

fn unrecognized(found: &str) -> UnsupportedFile {
    let source_wanted = Some(Source::BookshelfJson);
    UnsupportedFile::Unrecognized { source_wanted, found: found.to_owned() }
}
