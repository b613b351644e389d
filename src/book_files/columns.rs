//! The columns of CSV files that have a meaning, by name.

use super::model::Source;
use Column::{
    AddedAt, Author, DatesRead, ExtraAuthors, FinishedOn, Isbn, Isbn13, Notes, OriginalYear,
    PageCount, PrivateNotes, PublishedYear, Publisher, Rating, ReadCount, Shelves, StartedOn,
    Status, Tags, Title,
};

/// What a column contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Title,
    Author,
    /// More authors, separated by commas.
    ExtraAuthors,
    Isbn,
    /// The ISBN-13 beside an ISBN-10.
    Isbn13,
    Rating,
    /// On Goodreads, the shelf that says how far the owner is with the book.
    Status,
    /// All shelves.
    Shelves,
    Tags,
    StartedOn,
    FinishedOn,
    /// Ranges of days.
    DatesRead,
    ReadCount,
    Publisher,
    PublishedYear,
    /// The year of the first edition.
    OriginalYear,
    PageCount,
    Notes,
    PrivateNotes,
    AddedAt,
}

impl Column {
    pub(super) const COUNT: usize = Self::AddedAt as usize + 1;
}

/// Our columns, in the order in which they are written.
pub(super) const BOOKSHELF_COLUMNS: [(&str, Column); 14] = [
    ("Title", Title),
    ("Author", Author),
    ("ISBN", Isbn),
    ("Rating", Rating),
    ("Status", Status),
    ("Started On", StartedOn),
    ("Finished On", FinishedOn),
    ("Read Count", ReadCount),
    ("Publisher", Publisher),
    ("Published Year", PublishedYear),
    ("Page Count", PageCount),
    ("Tags", Tags),
    ("Notes", Notes),
    ("Created At", AddedAt),
];

const GOODREADS_COLUMNS: [(&str, Column); 17] = [
    ("Title", Title),
    ("Author", Author),
    ("Additional Authors", ExtraAuthors),
    ("ISBN", Isbn),
    ("ISBN13", Isbn13),
    ("My Rating", Rating),
    ("Publisher", Publisher),
    ("Number of Pages", PageCount),
    ("Year Published", PublishedYear),
    ("Original Publication Year", OriginalYear),
    ("Date Read", FinishedOn),
    ("Date Added", AddedAt),
    ("Bookshelves", Shelves),
    ("Exclusive Shelf", Status),
    ("My Review", Notes),
    ("Private Notes", PrivateNotes),
    ("Read Count", ReadCount),
];

const STORYGRAPH_COLUMNS: [(&str, Column); 11] = [
    ("Title", Title),
    ("Authors", Author),
    ("ISBN/UID", Isbn),
    ("Read Status", Status),
    ("Date Added", AddedAt),
    ("Last Date Read", FinishedOn),
    ("Dates Read", DatesRead),
    ("Read Count", ReadCount),
    ("Star Rating", Rating),
    ("Review", Notes),
    ("Tags", Tags),
];

/// A kind of CSV file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) source: Source,
    columns: &'static [(&'static str, Column)],
    /// Columns of which the file has one or more, besides title and author. Any file will do if there are none.
    characteristic: &'static [Column],
}

/// All kinds, those with characteristic columns first.
pub(super) const LAYOUTS: [Layout; 3] = [
    Layout {
        source: Source::Goodreads,
        columns: &GOODREADS_COLUMNS,
        characteristic: &[Status, Rating, Shelves],
    },
    Layout {
        source: Source::Storygraph,
        columns: &STORYGRAPH_COLUMNS,
        characteristic: &[Status, Rating, DatesRead, Isbn],
    },
    Layout { source: Source::BookshelfCsv, columns: &BOOKSHELF_COLUMNS, characteristic: &[] },
];

impl Layout {
    /// What the column with this name contains, regardless of case, spaces and punctuation.
    pub(super) fn column(&self, name: &str) -> Option<Column> {
        let key = key(name);
        self.columns.iter().find(|(name, _)| self::key(name) == key).map(|(_, column)| *column)
    }

    /// Whether a file with these columns is of this kind.
    pub(super) fn matches(&self, columns: &[Option<Column>]) -> bool {
        let has = |column: &Column| columns.contains(&Some(*column));
        let is_characteristic =
            self.characteristic.is_empty() || self.characteristic.iter().any(has);
        has(&Title) && has(&Author) && is_characteristic
    }
}

/// The letters and digits of a name, in lower case.
fn key(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
