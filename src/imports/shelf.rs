//! The books that the rows of a batch may mean: those of the library, and those of earlier rows.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::batch::title_key;
use crate::book_files::FileBook;
use crate::clock::Timestamp;
use crate::id::BookId;
use crate::input::isbn::Isbn;
use crate::store::StoreError;
use crate::store::books::{Book, BookChanges, BookKeys, NewBook, TitleKey};

/// Books by their id, ISBN and title. There may be as many as the library has, so only the values of those that rows mean
/// are read.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    books: HashMap<BookId, Entry>,
    by_isbn: HashMap<Isbn, BookId>,
    by_title: HashMap<Arc<TitleKey>, SameTitle>,
    /// The books that earlier rows have changed or created, in that order.
    touched: Vec<BookId>,
}

#[derive(Debug)]
struct Entry {
    isbn: Option<Isbn>,
    title: Arc<TitleKey>,
    /// `None` if only the keys were read.
    book: Option<Box<ShelfBook>>,
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

/// The books with one title and author.
#[derive(Debug, Default)]
struct SameTitle {
    with_isbn: Ids,
    without_isbn: Ids,
}

impl SameTitle {
    fn is_empty(&self) -> bool {
        let Self { with_isbn, without_isbn } = self;
        [with_isbn, without_isbn].iter().all(|ids| ids.free.is_empty() && ids.taken.is_empty())
    }
}

/// Ids of books, from the oldest on.
#[derive(Debug, Default)]
struct Ids {
    /// Those that a row with a date may still mean.
    free: BTreeSet<BookId>,
    /// Those that such a row meant, in a file in which each of them is another book.
    taken: BTreeSet<BookId>,
}

impl Ids {
    /// The book that a row means that was added to a library at this time: one with this date, else the oldest. A row
    /// without a date may mean a book that is taken.
    fn best(&self, added_at: Option<Timestamp>) -> Option<BookId> {
        let Some(added_at) = added_at else {
            return self.free.first().into_iter().chain(self.taken.first()).min().copied();
        };
        let next = BookId::first_at(added_at + Duration::from_millis(1));
        let same_date = self.free.range(BookId::first_at(added_at)..next).next();
        same_date.or_else(|| self.free.first()).copied()
    }
}

impl Shelf {
    /// Adds books of the library, except those that are there.
    pub(super) fn add_keys(&mut self, books: Vec<BookKeys>, taken: Option<&HashSet<BookId>>) {
        for BookKeys { id, isbn, title } in books {
            if !self.books.contains_key(&id) {
                let is_taken = taken.is_some_and(|taken| taken.contains(&id));
                self.insert(id, Entry { isbn, title, book: None }, is_taken);
            }
        }
    }

    /// Adds the values of books of the library, whose keys may have changed since they were added.
    pub(super) fn add_books(&mut self, books: &[Book]) -> Result<(), StoreError> {
        for book in books {
            let (values, version) = (book.values()?, Some(*book.version()?));
            let is_taken = self.remove(book.id).is_some_and(|(_, is_taken)| is_taken);
            self.insert_book(book.id, ShelfBook { values, version, stored: None }, is_taken);
        }
        Ok(())
    }

    /// Adds a book that is not in the library.
    pub(super) fn add_new(&mut self, id: BookId, values: NewBook) {
        self.touched.push(id);
        self.insert_book(id, ShelfBook { values, version: None, stored: None }, false);
    }

    /// A book; `None` if its values were not added.
    pub(super) fn get(&self, id: BookId) -> Option<&ShelfBook> {
        self.books.get(&id)?.book.as_deref()
    }

    /// Changes a book.
    pub(super) fn change(&mut self, id: BookId, changes: &BookChanges) {
        let Some((Entry { book: Some(mut book), .. }, is_taken)) = self.remove(id) else { return };
        if book.version.is_some() && book.stored.is_none() {
            book.stored = Some(book.values.clone());
        }
        book.values.apply(changes);
        if !self.touched.contains(&id) {
            self.touched.push(id);
        }
        self.insert_book(id, *book, is_taken);
    }

    /// Removes a book that is not in the library any more.
    pub(super) fn forget(&mut self, id: BookId) {
        self.remove(id);
    }

    /// The book that a row of a file means: the one with the same ISBN, else one with the same title and author that has no
    /// other ISBN.
    pub(super) fn find(&self, file: &FileBook, title: &TitleKey) -> Option<BookId> {
        let same_isbn = file.isbn.as_ref().and_then(|isbn| self.by_isbn.get(isbn));
        if let Some(id) = same_isbn {
            return Some(*id);
        }
        let same = self.by_title.get(title)?;
        let best = same.without_isbn.best(file.added_at);
        best.or_else(|| match &file.isbn {
            Some(_) => None,
            None => same.with_isbn.best(file.added_at),
        })
    }

    /// No row with a date finds the book by its title from now on. False if it is so already.
    pub(super) fn take(&mut self, id: BookId) -> bool {
        self.ids_with(id).is_some_and(|ids| ids.free.remove(&id) && ids.taken.insert(id))
    }

    /// The opposite of [`Self::take`].
    pub(super) fn release(&mut self, id: BookId) {
        if let Some(ids) = self.ids_with(id)
            && ids.taken.remove(&id)
        {
            ids.free.insert(id);
        }
    }

    /// The books that rows have changed or created.
    pub(super) fn touched(&self) -> impl Iterator<Item = (BookId, &ShelfBook)> {
        self.touched.iter().filter_map(|id| Some((*id, self.get(*id)?)))
    }

    /// Removes all books but those of `kept` that differ from the library.
    pub(super) fn retain(&mut self, kept: &HashSet<BookId>) {
        let is_kept = |id: &BookId, entry: &Entry| {
            let differs = |book: &ShelfBook| book.version.is_none() || book.stored.is_some();
            kept.contains(id) && entry.book.as_deref().is_some_and(differs)
        };
        let others = self.books.iter().filter(|(id, entry)| !is_kept(id, entry));
        let others: Vec<_> = others.map(|(id, _)| *id).collect();
        for id in others {
            self.remove(id);
        }
        self.touched.clear();
    }

    fn insert_book(&mut self, id: BookId, book: ShelfBook, is_taken: bool) {
        let key = title_key(&book.values.title, &book.values.author);
        let same = self.by_title.get_key_value(&key);
        let title = same.map_or_else(|| Arc::new(key), |(title, _)| Arc::clone(title));
        let isbn = book.values.isbn.clone();
        self.insert(id, Entry { isbn, title, book: Some(Box::new(book)) }, is_taken);
    }

    fn insert(&mut self, id: BookId, entry: Entry, is_taken: bool) {
        if let Some(isbn) = &entry.isbn {
            self.by_isbn.insert(isbn.clone(), id);
        }
        self.by_title.entry(Arc::clone(&entry.title)).or_default();
        self.books.insert(id, entry);
        if let Some(ids) = self.ids_with(id) {
            if is_taken {
                ids.taken.insert(id)
            } else {
                ids.free.insert(id)
            };
        }
    }

    /// Removes a book. Also returns whether it was taken.
    fn remove(&mut self, id: BookId) -> Option<(Entry, bool)> {
        let ids = self.ids_with(id)?;
        let is_taken = ids.taken.remove(&id);
        ids.free.remove(&id);
        let entry = self.books.remove(&id)?;
        if self.by_title.get(&entry.title).is_some_and(SameTitle::is_empty) {
            self.by_title.remove(&entry.title);
        }
        if let Some(isbn) = &entry.isbn {
            self.by_isbn.remove(isbn);
        }
        Some((entry, is_taken))
    }

    /// The ids among which that of a book is.
    fn ids_with(&mut self, id: BookId) -> Option<&mut Ids> {
        let entry = self.books.get(&id)?;
        let same = self.by_title.get_mut(&entry.title)?;
        Some(if entry.isbn.is_some() { &mut same.with_isbn } else { &mut same.without_isbn })
    }
}
