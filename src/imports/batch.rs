//! Batches of rows, as they are read from a file.

use crate::book_files::FileRow;
use crate::input::author::Author;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::text::fold_for_index;
use crate::input::title::Title;
use crate::store::books::TitleKey;

/// Maximum number of rows that are written together. Writes of others wait for no longer than one batch takes.
const MAX_ROWS: usize = 256;

/// A batch with this many bytes of text is complete. It limits the memory of rows with long notes.
const ENOUGH_BYTES: usize = 512 << 10;

/// Rows that are written together.
#[derive(Clone, Debug, Default)]
pub(super) struct FileBatch {
    pub(super) rows: Vec<KeyedRow>,
}

/// A row with what its book is compared by.
#[derive(Clone, Debug)]
pub(super) struct KeyedRow {
    pub(super) row: FileRow,
    /// `None` if the row has no book.
    pub(super) title: Option<TitleKey>,
}

impl FileBatch {
    /// The next rows of a file; none at its end.
    pub(super) fn read(rows: &mut impl Iterator<Item = FileRow>) -> Self {
        let (mut batch, mut bytes) = (Self::default(), 0);
        while batch.rows.len() < MAX_ROWS && bytes < ENOUGH_BYTES {
            let Some(row) = rows.next() else { break };
            bytes += text_bytes(&row);
            let book = row.book.as_ref().ok();
            let title = book.map(|book| title_key(&book.title, &book.author));
            batch.rows.push(KeyedRow { row, title });
        }
        batch
    }

    pub(super) fn isbns(&self) -> Vec<Isbn> {
        let books = self.rows.iter().filter_map(|keyed| keyed.row.book.as_ref().ok());
        books.filter_map(|book| book.isbn.clone()).collect()
    }

    pub(super) fn titles(&self) -> Vec<TitleKey> {
        self.rows.iter().filter_map(|keyed| keyed.title.clone()).collect()
    }
}

/// Equal for books whose title and author are the same when folded.
pub(super) fn title_key(title: &Title, author: &Author) -> TitleKey {
    (fold_for_index(title.as_str()), fold_for_index(author.as_str()))
}

/// The bytes of the long texts of a row, its notes included.
fn text_bytes(row: &FileRow) -> usize {
    let row_notes: usize = row.notes.iter().map(String::len).sum();
    let Ok(book) = &row.book else { return row_notes };
    let notes = book.notes.as_ref().map_or(0, |notes: &Notes| notes.as_str().len());
    let tags = book.tags.as_ref().map_or(0, |tags| tags.iter().map(str::len).sum());
    row_notes + book.title.as_str().len() + book.author.as_str().len() + notes + tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notes_of_rows_end_a_batch() {
        let notes = vec!["x".repeat(1_000); 20];
        let row = FileRow { line: 2, title: None, book: Err(()), notes };
        let batch = FileBatch::read(&mut std::iter::repeat(row));
        assert_eq!(batch.rows.len(), ENOUGH_BYTES.div_ceil(20_000));
    }
}
