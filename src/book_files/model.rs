//! What a file contains, and where it comes from.

use std::fmt;

use crate::clock::Timestamp;
use crate::input::author::Author;
use crate::input::calendar_date::CalendarDate;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::page_count::PageCount;
use crate::input::published_year::PublishedYear;
use crate::input::publisher::Publisher;
use crate::input::rating::Rating;
use crate::input::read_count::ReadCount;
use crate::input::reading_status::ReadingStatus;
use crate::input::tags::Tags;
use crate::input::title::Title;

/// Maximum number of bytes of a file.
pub(crate) const MAX_FILE_BYTES: usize = 20 << 20;

/// Maximum number of books of a file.
pub(crate) const MAX_FILE_ROWS: u32 = 100_000;

/// Where a file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The CSV file that Goodreads exports, in its form of 24 or of 31 columns.
    Goodreads,
    /// The CSV file that StoryGraph exports.
    Storygraph,
    /// Our CSV file.
    BookshelfCsv,
    /// Our JSON file.
    BookshelfJson,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Goodreads => "Goodreads",
            Self::Storygraph => "StoryGraph",
            Self::BookshelfCsv => "Bookshelf CSV",
            Self::BookshelfJson => "Bookshelf JSON",
        })
    }
}

/// A book in a file. `None`: the file has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileBook {
    pub(crate) title: Title,
    pub(crate) author: Author,
    pub(crate) isbn: Option<Isbn>,
    pub(crate) rating: Option<Rating>,
    pub(crate) notes: Option<Notes>,
    pub(crate) status: Option<ReadingStatus>,
    pub(crate) started_on: Option<CalendarDate>,
    /// Not before `started_on`.
    pub(crate) finished_on: Option<CalendarDate>,
    pub(crate) read_count: Option<ReadCount>,
    pub(crate) publisher: Option<Publisher>,
    pub(crate) published_year: Option<PublishedYear>,
    pub(crate) page_count: Option<PageCount>,
    pub(crate) tags: Option<Tags>,
    /// When the book was added to the library, in the years 1970 to 9999.
    pub(crate) added_at: Option<Timestamp>,
}
