//! Decides what becomes of each row, before anything is written.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::batch::{FileBatch, KeyedRow};
use super::library::Library;
use super::merge::{self, DatesLeftOut};
use super::shelf::Shelf;
use super::survey::{RepeatedKeys, Survey};
use crate::book_files::FileBook;
use crate::clock::Timestamp;
use crate::id::{BookId, IdGenerator};
use crate::store::StoreError;
use crate::store::books::{BookBatch, BookUpdate, NewBook, TitleKey};
use crate::store::imports::{
    ConflictRule, ImportAction, ImportBatch, ImportJob, ImportSource, NewImportRow,
};
use crate::store::library_size::LibrarySpace;

/// A day in a file is the next one already where the sun rises earlier.
const TIME_ZONES: Duration = Duration::from_secs(24 * 3_600);

/// Decides what becomes of the rows of a file, batch by batch.
#[derive(Debug)]
pub(super) struct Planner {
    ids: Arc<IdGenerator>,
    started_at: Timestamp,
    dry_run: bool,
    rule: ConflictRule,
    newest_first: bool,
    /// How many rows the batches before had.
    rows: u32,
    /// The books that earlier rows have found or created, in a file of Bookshelf: each row with a date is another book of
    /// the library that was exported. In other files, books can be listed twice.
    taken: Option<HashSet<BookId>>,
    repeated: RepeatedKeys,
    /// In a dry run, what earlier batches would have written and later rows may mean.
    shelf: Shelf,
    space_used: LibrarySpace,
    kept: HashSet<BookId>,
}

/// What becomes of the rows of a batch.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) batch: ImportBatch,
    /// Books that are taken by it.
    taken: Vec<BookId>,
}

/// The state of a batch that is being planned.
struct Planning<'a> {
    planner: &'a mut Planner,
    library: &'a Library,
    shelf: Shelf,
    space: LibrarySpace,
    taken: Vec<BookId>,
}

impl Planner {
    pub(super) fn new(job: &ImportJob, ids: Arc<IdGenerator>, survey: Survey) -> Self {
        let is_export =
            matches!(job.source, ImportSource::BookshelfCsv | ImportSource::BookshelfJson);
        Self {
            ids,
            started_at: job.started_at,
            dry_run: job.dry_run,
            rule: job.on_conflict,
            newest_first: survey.is_newest_first(is_export),
            rows: 0,
            taken: is_export.then(HashSet::new),
            repeated: survey.into_repeated(),
            shelf: Shelf::default(),
            space_used: LibrarySpace { books: 0, kibibytes: 0 },
            kept: HashSet::new(),
        }
    }

    /// Decides what becomes of the next rows. A plan that is not carried out must be taken back with [`Self::undo`].
    ///
    /// # Errors
    /// If the library cannot be read. No more rows can be planned then.
    pub(super) fn plan(&mut self, file: &FileBatch, library: &Library) -> Result<Plan, StoreError> {
        let mut shelf = std::mem::take(&mut self.shelf);
        shelf.add_keys(library.keys(file)?, self.taken.as_ref());
        let likely = self.likely_books(file, &mut shelf);
        shelf.add_books(&library.books(&likely)?)?;
        let space = library.space()?;
        let space = LibrarySpace {
            books: space.books - self.space_used.books,
            kibibytes: space.kibibytes - self.space_used.kibibytes,
        };
        let mut planning = Planning { planner: self, library, shelf, space, taken: Vec::new() };
        let rows = file.rows.iter().map(|keyed| planning.plan_row(keyed));
        let rows = rows.collect::<Result<_, _>>()?;
        let Planning { shelf, space: left, taken, .. } = planning;
        let books = if self.dry_run { BookBatch::default() } else { books_to_write(&shelf) };
        if self.dry_run {
            self.space_used.books += space.books - left.books;
            self.space_used.kibibytes += space.kibibytes - left.kibibytes;
            self.shelf = shelf;
            self.shelf.retain(&self.kept);
        }
        Ok(Plan { batch: ImportBatch { books, rows }, taken })
    }

    /// The books that the rows mean, unless a row changes what a later row means.
    fn likely_books(&self, file: &FileBatch, shelf: &mut Shelf) -> Vec<BookId> {
        let mut found = BTreeSet::new();
        let mut taken = Vec::new();
        for KeyedRow { row, title } in &file.rows {
            let (Ok(book), Some(title)) = (&row.book, title) else { continue };
            let Some(id) = shelf.find(book, title) else { continue };
            found.insert(id);
            // A row with an ISBN gives it to the book, so that another ISBN means another book.
            if (self.taken.is_some() || book.isbn.is_some()) && shelf.take(id) {
                taken.push(id);
            }
        }
        taken.into_iter().for_each(|id| shelf.release(id));
        found.into_iter().filter(|id| shelf.get(*id).is_none()).collect()
    }

    /// Takes back the plan of a batch that was not written, since the library has changed.
    pub(super) fn undo(&mut self, plan: &Plan) {
        self.rows -= u32::try_from(plan.batch.rows.len()).unwrap_or(self.rows);
        if let Some(taken) = &mut self.taken {
            plan.taken.iter().for_each(|id| {
                taken.remove(id);
            });
        }
    }

    /// When the book of a row was created, with a note if that is not the date in the file.
    fn created_at(&self, file: &FileBook) -> (Timestamp, Option<&'static str>) {
        let Some(added_at) = file.added_at else { return (self.started_at, None) };
        if added_at > self.started_at + TIME_ZONES {
            let note = "date added is in the future; imported with today's date";
            return (self.started_at, Some(note));
        }
        (added_at.min(self.started_at), None)
    }

    /// An id for a book of this row. Books that were added at the same time are listed, newest first, in the order of the
    /// file if that is newest first, else in the opposite order.
    fn new_id(&self, number: u32, created_at: Timestamp) -> BookId {
        let position = if self.newest_first { u32::MAX - number } else { number };
        self.ids.book_at(created_at, position)
    }
}

/// A plan for a row: what becomes of it, and its book.
struct RowPlan {
    action: ImportAction,
    book: Option<BookId>,
    note: Option<&'static str>,
}

impl RowPlan {
    fn failed(note: &'static str) -> Self {
        Self { action: ImportAction::Failed, book: None, note: Some(note) }
    }
}

impl Planning<'_> {
    fn plan_row(&mut self, keyed: &KeyedRow) -> Result<NewImportRow, StoreError> {
        self.planner.rows += 1;
        let number = self.planner.rows;
        let KeyedRow { row, title } = keyed;
        let mut notes = row.notes.clone();
        let planned = match (&row.book, title) {
            (Ok(file), Some(title)) => self.plan_book(number, file, title, &mut notes)?,
            _ => RowPlan { action: ImportAction::Failed, book: None, note: None },
        };
        notes.extend(planned.note.map(str::to_owned));
        let title = row.book.as_ref().ok().map(|book| book.title.as_str().to_owned());
        // A book that a dry run would create has no id.
        let is_stored =
            |id: &BookId| self.shelf.get(*id).is_some_and(|book| book.version.is_some());
        Ok(NewImportRow {
            number: i32::try_from(number).unwrap_or(i32::MAX),
            line: i32::try_from(row.line).unwrap_or(i32::MAX),
            action: planned.action,
            title: row.title.clone().or(title),
            book: planned.book.filter(|id| !self.planner.dry_run || is_stored(id)),
            notes: (!notes.is_empty()).then(|| notes.join("\n")),
        })
    }

    fn plan_book(
        &mut self,
        number: u32,
        file: &FileBook,
        title: &TitleKey,
        notes: &mut Vec<String>,
    ) -> Result<RowPlan, StoreError> {
        let plan = match self.find(file, title)? {
            Some(id) => self.plan_change(id, file, notes),
            None => self.plan_creation(number, file),
        };
        if let Some(id) = plan.book {
            if let Some(taken) = &mut self.planner.taken
                && taken.insert(id)
            {
                self.shelf.take(id);
                self.taken.push(id);
            }
            if self.planner.dry_run && self.planner.repeated.contain(file) {
                self.planner.kept.insert(id);
            }
        }
        Ok(plan)
    }

    /// The book that a row means. Its values are read, if they were not yet.
    fn find(&mut self, file: &FileBook, title: &TitleKey) -> Result<Option<BookId>, StoreError> {
        while let Some(id) = self.shelf.find(file, title) {
            if self.shelf.get(id).is_some() {
                return Ok(Some(id));
            }
            match self.library.books(&[id])?.as_slice() {
                // It was deleted since its keys were read.
                [] => self.shelf.forget(id),
                // Its keys may have changed.
                books => self.shelf.add_books(books)?,
            }
        }
        Ok(None)
    }

    fn plan_creation(&mut self, number: u32, file: &FileBook) -> RowPlan {
        let book = merge::new_book(file);
        let kibibytes = book.kibibytes();
        if self.space.books < 1 {
            return RowPlan::failed("the library has as many books as an account may have");
        }
        if self.space.kibibytes < kibibytes {
            return RowPlan::failed(NO_SPACE);
        }
        self.space.books -= 1;
        self.space.kibibytes -= kibibytes;
        let (created_at, note) = self.planner.created_at(file);
        let id = self.planner.new_id(number, created_at);
        self.shelf.add_new(id, book);
        RowPlan { action: ImportAction::Created, book: Some(id), note }
    }

    fn plan_change(&mut self, id: BookId, file: &FileBook, notes: &mut Vec<String>) -> RowPlan {
        let skipped = RowPlan { action: ImportAction::Skipped, book: Some(id), note: None };
        let Some(book) = self.shelf.get(id) else { return skipped };
        let (changes, left_out) = merge::changes(&book.values, file, self.planner.rule);
        notes.extend(left_out.map(|DatesLeftOut| {
            "the dates do not fit those of the library, which were kept".to_owned()
        }));
        if changes.is_empty() {
            return skipped;
        }
        let mut changed: NewBook = book.values.clone();
        changed.apply(&changes);
        let growth = changed.kibibytes() - book.values.kibibytes();
        if growth > 0 && self.space.kibibytes < growth {
            return RowPlan { book: Some(id), ..RowPlan::failed(NO_SPACE) };
        }
        self.space.kibibytes -= growth;
        self.shelf.change(id, &changes);
        RowPlan { action: ImportAction::Updated, book: Some(id), note: None }
    }
}

const NO_SPACE: &str = "the library has as much text as an account may have";

/// What the rows have changed.
fn books_to_write(shelf: &Shelf) -> BookBatch {
    let (mut inserts, mut updates) = (Vec::new(), Vec::new());
    for (id, book) in shelf.touched() {
        let values = &book.values;
        let (Some(version), Some(stored)) = (book.version, book.stored()) else {
            inserts.push((id, values.clone()));
            continue;
        };
        // Two rows may cancel each other out. A statement that changes nothing matches no book.
        let changes = stored.changes_to(values);
        if !changes.is_empty() {
            let growth = values.kibibytes() - stored.kibibytes();
            updates.push((growth, BookUpdate { id, version, changes }));
        }
    }
    // Each update must fit when it is written: those that free space come first.
    updates.sort_by_key(|(growth, update)| (*growth, update.id));
    let updates = updates.into_iter().map(|(_, update)| update).collect();
    BookBatch { inserts, updates }
}
