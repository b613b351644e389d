//! The books that the rows of a batch may mean: those of the library, and those of earlier rows.

use std::collections::{HashMap, HashSet};

use super::batch::title_key;
use crate::book_files::FileBook;
use crate::id::BookId;
use crate::store::StoreError;
use crate::store::books::{Book, BookChanges, NewBook, TitleKey};

/// Books by their id, ISBN and title.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    books: HashMap<BookId, ShelfBook>,
    by_isbn: HashMap<String, BookId>,
    by_title: HashMap<TitleKey, Vec<BookId>>,
    /// The books that earlier rows have changed or created, in that order.
    touched: Vec<BookId>,
}

/// A book with the changes of earlier rows.
#[derive(Debug)]
pub(super) struct ShelfBook {
    pub(super) values: NewBook,
    /// The version in the library; `None` if the book is not there yet.
    pub(super) version: Option<i32>,
    /// The values in the library, if earlier rows have changed them.
    stored: Option<NewBook>,
}

impl ShelfBook {
    /// The values in the library; `None` if the book is not there yet, or if no row has changed it.
    pub(super) fn stored(&self) -> Option<&NewBook> {
        self.stored.as_ref()
    }
}

impl Shelf {
    /// Adds books of the library, except those that are there.
    pub(super) fn add_stored(&mut self, books: &[Book]) -> Result<(), StoreError> {
        for book in books {
            if !self.books.contains_key(&book.id) {
                let (values, version) = (book.values()?, Some(*book.version()?));
                let title = title_key(&values.title, &values.author);
                self.insert(book.id, title, ShelfBook { values, version, stored: None });
            }
        }
        Ok(())
    }

    /// Adds a book that is not in the library.
    pub(super) fn add_new(&mut self, id: BookId, title: TitleKey, values: NewBook) {
        self.touched.push(id);
        self.insert(id, title, ShelfBook { values, version: None, stored: None });
    }

    pub(super) fn get(&self, id: BookId) -> Option<&ShelfBook> {
        self.books.get(&id)
    }

    /// Changes a book.
    pub(super) fn change(&mut self, id: BookId, changes: &BookChanges) {
        let Some(mut book) = self.remove(id) else { return };
        if book.version.is_some() && book.stored.is_none() {
            book.stored = Some(book.values.clone());
        }
        book.values.apply(changes);
        if !self.touched.contains(&id) {
            self.touched.push(id);
        }
        let title = title_key(&book.values.title, &book.values.author);
        self.insert(id, title, book);
    }

    /// The book that a row of a file means: the one with the same ISBN, else one with the same title and author that has no
    /// other ISBN. Those that are `taken` are not found by their title.
    pub(super) fn find(
        &self,
        file: &FileBook,
        title: &TitleKey,
        taken: &HashSet<BookId>,
    ) -> Option<BookId> {
        let same_isbn = file.isbn.as_ref().and_then(|isbn| self.by_isbn.get(isbn.as_str()));
        if let Some(id) = same_isbn {
            return Some(*id);
        }
        let candidates = self.by_title.get(title)?.iter().filter_map(|id| {
            let book = self.books.get(id)?;
            let has_other_isbn = file.isbn.is_some() && book.values.isbn.is_some();
            (!has_other_isbn && !taken.contains(id)).then_some((*id, book))
        });
        // Of several, the one that is most like the row; then the oldest.
        let best = candidates.min_by_key(|(id, book)| {
            let differs_in_isbn = book.values.isbn.is_some() != file.isbn.is_some();
            (differs_in_isbn, Some(id.created_at()) != file.added_at, *id)
        });
        best.map(|(id, _)| id)
    }

    /// The books that rows have changed or created.
    pub(super) fn touched(&self) -> impl Iterator<Item = (BookId, &ShelfBook)> {
        self.touched.iter().filter_map(|id| Some((*id, self.books.get(id)?)))
    }

    /// Removes all books but those of `kept` that differ from the library.
    pub(super) fn retain(&mut self, kept: &HashSet<BookId>) {
        let is_kept = |id: &BookId, book: &ShelfBook| {
            kept.contains(id) && (book.version.is_none() || book.stored.is_some())
        };
        let others = self.books.iter().filter(|(id, book)| !is_kept(id, book));
        let others: Vec<_> = others.map(|(id, _)| *id).collect();
        for id in others {
            self.remove(id);
        }
        self.touched.clear();
    }

    fn insert(&mut self, id: BookId, title: TitleKey, book: ShelfBook) {
        if let Some(isbn) = &book.values.isbn {
            self.by_isbn.insert(isbn.as_str().to_owned(), id);
        }
        self.by_title.entry(title).or_default().push(id);
        self.books.insert(id, book);
    }

    fn remove(&mut self, id: BookId) -> Option<ShelfBook> {
        let book = self.books.remove(&id)?;
        if let Some(isbn) = &book.values.isbn {
            self.by_isbn.remove(isbn.as_str());
        }
        let title = title_key(&book.values.title, &book.values.author);
        if let Some(ids) = self.by_title.get_mut(&title) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_title.remove(&title);
            }
        }
        Some(book)
    }
}
