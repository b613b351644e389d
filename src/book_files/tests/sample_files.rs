//! Files of 5,000 rows.

#[path = "../../../tests/support/sample_files.rs"]
mod files;

use files::{goodreads_file, older_goodreads_file, sample_isbn, sample_title, storygraph_file};

use super::{book, rows, written};
use crate::book_files::{BookFileFormat, Source};

#[test]
fn all_rows_of_large_files_are_read() {
    for (file, source) in [
        (goodreads_file(5_000), Source::Goodreads),
        (older_goodreads_file(5_000), Source::Goodreads),
        (storygraph_file(5_000), Source::Storygraph),
    ] {
        let rows = rows(file, source);
        assert_eq!(rows.len(), 5_000);
        for (index, row) in rows.iter().enumerate() {
            let book = book(row);
            assert_eq!(book.title.as_str(), sample_title(index));
            let isbn = book.isbn.as_ref().map(|isbn| isbn.as_str().to_owned());
            assert_eq!(isbn, sample_isbn(index));
            let is_change =
                |note: &String| note.contains("rounded to") || note.contains("has no day");
            assert!(row.notes.iter().all(is_change), "{:?}", row.notes);
        }
        let books: Vec<_> = rows.iter().map(|row| book(row).clone()).collect();
        let again = super::rows(written(BookFileFormat::Csv, &books), Source::BookshelfCsv);
        assert!(again.iter().map(book).eq(&books));
    }
}
