//! What a row of a file changes in a book of the library.

use crate::book_files::FileBook;
use crate::input::calendar_date::check_order;
use crate::input::read_count::ReadCount;
use crate::input::reading_status::ReadingStatus;
use crate::store::books::{BookChanges, NewBook};
use crate::store::imports::ConflictRule;

/// The dates of the row were left out: with those of the library, the book would be finished before it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DatesLeftOut;

/// The changes that a row makes, without those that change nothing.
pub(super) fn changes(
    book: &NewBook,
    file: &FileBook,
    rule: ConflictRule,
) -> (BookChanges, Option<DatesLeftOut>) {
    let mut changes = BookChanges {
        title: replaced(&book.title, &file.title, rule),
        author: replaced(&book.author, &file.author, rule),
        isbn: merged(&book.isbn, &file.isbn, rule),
        rating: merged(&book.rating, &file.rating, rule),
        status: merged(&book.status, &file.status, rule),
        started_on: merged(&book.started_on, &file.started_on, rule),
        finished_on: merged(&book.finished_on, &file.finished_on, rule),
        read_count: read_count(book, file, rule),
        published_year: merged(&book.published_year, &file.published_year, rule),
        page_count: merged(&book.page_count, &file.page_count, rule),
        tags: merged(&book.tags, &file.tags, rule),
        notes: merged(&book.notes, &file.notes, rule),
        publisher: merged(&book.publisher, &file.publisher, rule),
    };
    // As for every change of a status: a book that was read was read once.
    if changes.status == Some(Some(ReadingStatus::Read))
        && changes.read_count.is_none()
        && book.read_count.get() == 0
    {
        changes.read_count = Some(ReadCount::at_least(Some(ReadingStatus::Read)));
    }
    let started = changes.started_on.unwrap_or(book.started_on);
    let finished = changes.finished_on.unwrap_or(book.finished_on);
    if check_order(started, finished).is_ok() {
        return (changes, None);
    }
    (changes.started_on, changes.finished_on) = (None, None);
    (changes, Some(DatesLeftOut))
}

/// The book of a row.
pub(super) fn new_book(file: &FileBook) -> NewBook {
    NewBook {
        title: file.title.clone(),
        author: file.author.clone(),
        isbn: file.isbn.clone(),
        rating: file.rating,
        status: file.status,
        started_on: file.started_on,
        finished_on: file.finished_on,
        read_count: file.read_count.unwrap_or(ReadCount::at_least(file.status)),
        published_year: file.published_year,
        page_count: file.page_count,
        tags: file.tags.clone(),
        notes: file.notes.clone(),
        publisher: file.publisher.clone(),
    }
}

/// The change of a value that every book has.
fn replaced<T: Clone + PartialEq>(book: &T, file: &T, rule: ConflictRule) -> Option<T> {
    (rule == ConflictRule::Replace && book != file).then(|| file.clone())
}

/// The change of a value that a book may not have.
fn merged<T: Clone + PartialEq>(
    book: &Option<T>,
    file: &Option<T>,
    rule: ConflictRule,
) -> Option<Option<T>> {
    let is_kept = rule == ConflictRule::Keep && book.is_some();
    (file.is_some() && !is_kept && book != file).then(|| file.clone())
}

/// A book that was read 0 times has no value.
fn read_count(book: &NewBook, file: &FileBook, rule: ConflictRule) -> Option<ReadCount> {
    let is_kept = rule == ConflictRule::Keep && book.read_count.get() > 0;
    file.read_count.filter(|count| !is_kept && *count != book.read_count)
}
