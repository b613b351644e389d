//! Why a file cannot be read as a whole.

use super::model::{MAX_FILE_BYTES, MAX_FILE_ROWS, Source};

/// Maximum number of bytes of a JSON file of another encoding in UTF-8. Its text is decoded as a whole.
pub(super) const MAX_DECODED_BYTES: usize = 40 << 20;

/// A file that is refused before any of its rows is read. The message says what was expected and what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnsupportedFile {
    #[error("Expected {}. Found {found}.", expected(*.source_wanted))]
    Unrecognized {
        /// The kind of file that was asked for, if any.
        source_wanted: Option<Source>,
        found: String,
    },
    #[error(
        "Expected quotation marks in pairs. Found one that opens in the row of line {line} and is never closed."
    )]
    UnclosedQuote { line: u32 },
    #[error("Expected JSON. Found an error in line {line}: {problem}.")]
    InvalidJson { line: u32, problem: String },
    #[error("Expected each column once. Found the column {name} twice.")]
    DuplicateColumn { name: String },
    #[error("Expected at most {MAX_FILE_ROWS} books. Found {rows}.")]
    TooManyRows { rows: u32 },
    #[error("Expected at most {} MB. Found {:.1} MB.", MAX_FILE_BYTES >> 20, megabytes(*.bytes))]
    TooManyBytes { bytes: usize },
    #[error("Expected JSON of at most {} MB in UTF-8. Found more.", MAX_DECODED_BYTES >> 20)]
    TooManyDecodedBytes,
}

impl UnsupportedFile {
    /// Whether the file is larger than allowed; otherwise it is of another kind, or damaged.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(
            self,
            Self::TooManyRows { .. } | Self::TooManyBytes { .. } | Self::TooManyDecodedBytes
        )
    }
}

fn expected(source: Option<Source>) -> &'static str {
    match source {
        None => {
            "an export of Goodreads, StoryGraph or Bookshelf: a first line with the columns Title and Author, or JSON with a list \"books\""
        }
        Some(Source::Goodreads) => {
            "an export of Goodreads: a first line with the columns Title, Author, My Rating, Exclusive Shelf"
        }
        Some(Source::Storygraph) => {
            "an export of StoryGraph: a first line with the columns Title, Authors, Read Status, Star Rating"
        }
        Some(Source::BookshelfCsv) => {
            "a CSV file of Bookshelf: a first line with the columns Title and Author"
        }
        Some(Source::BookshelfJson) => "a JSON file of Bookshelf: an object with a list \"books\"",
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
