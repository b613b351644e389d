//! The first reading of a file.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::batch::title_key;
use crate::book_files::{FileBook, FileRow};
use crate::clock::Timestamp;

/// How many rows are read to find the order of a file.
const ORDERED_ROWS: usize = 1_000;

/// What must be known of a file before its rows are imported.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// How many rows have an earlier date than the row before, less those with a later one.
    descents: i64,
    /// Whether the dates of two rows were compared.
    has_dates: bool,
    repeated: RepeatedKeys,
}

/// The ISBNs, and the titles with their author, that more than one row has. Only a dry run needs them: it writes no book
/// that a later row could find.
#[derive(Debug, Default)]
pub(super) struct RepeatedKeys {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl Survey {
    /// Reads the beginning of a file; for a dry run the whole file.
    pub(super) fn new(rows: impl Iterator<Item = FileRow>, dry_run: bool) -> Self {
        let mut survey = Self::default();
        let (mut hashes, mut last) = (Vec::new(), None);
        for row in rows.take(if dry_run { usize::MAX } else { ORDERED_ROWS }) {
            let Ok(book) = &row.book else { continue };
            survey.compare_dates(&mut last, book.added_at);
            if dry_run {
                hashes.extend(survey.repeated.hashes_of(book));
            }
        }
        hashes.sort_unstable();
        let repeated = hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        survey.repeated.hashes = repeated.collect();
        survey
    }

    /// Whether the books that were added last come first, as in a list of books. True if the file has no dates. If its
    /// dates are all the same, it is as the program that wrote it begins: ours with the oldest book.
    pub(super) fn is_newest_first(&self, is_export: bool) -> bool {
        if is_export && self.has_dates { self.descents > 0 } else { self.descents >= 0 }
    }

    pub(super) fn into_repeated(self) -> RepeatedKeys {
        self.repeated
    }

    fn compare_dates(&mut self, last: &mut Option<Timestamp>, added_at: Option<Timestamp>) {
        let Some(added_at) = added_at else { return };
        if let Some(last) = last.replace(added_at) {
            self.has_dates = true;
            self.descents += match added_at.cmp(&last) {
                std::cmp::Ordering::Less => 1,
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Greater => -1,
            };
        }
    }
}

impl RepeatedKeys {
    /// Whether another row may mean the same book.
    pub(super) fn contain(&self, book: &FileBook) -> bool {
        !self.hashes.is_empty() && self.hashes_of(book).any(|hash| self.hashes.contains(&hash))
    }

    fn hashes_of(&self, book: &FileBook) -> impl Iterator<Item = u64> {
        let title = self.hasher.hash_one(title_key(&book.title, &book.author));
        let isbn = book.isbn.as_ref().map(|isbn| self.hasher.hash_one(isbn.as_str()));
        [title].into_iter().chain(isbn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book_files::BookFileReader;

    #[test]
    fn an_export_begins_with_the_oldest_book_unless_its_dates_descend() {
        for (first, second, export, other) in [
            ("2026-01-02T00:00:00.000Z", "2026-01-02T00:00:00.000Z", false, true),
            ("2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z", false, false),
            ("2026-01-03T00:00:00.000Z", "2026-01-02T00:00:00.000Z", true, true),
            ("", "", true, true),
        ] {
            let file = format!("Title,Author,Created At\nA,B,{first}\nC,D,{second}\n");
            let rows = BookFileReader::open(file.into(), None).expect("a file of books");
            let survey = Survey::new(rows, false);
            let found = (survey.is_newest_first(true), survey.is_newest_first(false));
            assert_eq!(found, (export, other), "{first} {second}");
        }
    }
}
