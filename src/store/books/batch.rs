//! Many books at once: finding those that an import may mean, inserting and updating.

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::DbBackend;

use super::model::{Book, BookChanges, BookColumns, Column, NewBook};
use super::read::{Books, KeyColumn};
use crate::clock::Timestamp;
use crate::entity::book::Entity;
use crate::id::{BookId, UserId};
use crate::input::isbn::Isbn;
use crate::store::db::row::{FromRow, RowReader};
use crate::store::db::sql::{BatchStatement, Sql};
use crate::store::error::{QueryError, StoreError};

/// How many keys one statement searches for.
const KEYS_PER_STATEMENT: usize = 64;

/// How many books one statement inserts on PostgreSQL. SQLite prepares a statement for one book, which is as fast.
const INSERTS_PER_STATEMENT: usize = 32;

/// The folded title and the folded author of a book.
pub(crate) type TitleKey = (String, String);

/// What an import compares a book by.
#[derive(Clone, Debug)]
pub(crate) struct BookKeys {
    pub(crate) id: BookId,
    pub(crate) isbn: Option<Isbn>,
    /// Shared by the books that were found by one title and author.
    pub(crate) title: Arc<TitleKey>,
}

/// Books to insert and to update together.
#[derive(Clone, Debug, Default)]
pub(crate) struct BookBatch {
    /// Each as old as its id.
    pub(crate) inserts: Vec<(BookId, NewBook)>,
    /// Of different books; written in this order.
    pub(crate) updates: Vec<BookUpdate>,
}

/// An update of a book that has this version.
#[derive(Clone, Debug)]
pub(crate) struct BookUpdate {
    pub(crate) id: BookId,
    pub(crate) version: i32,
    pub(crate) changes: BookChanges,
}

impl BookBatch {
    pub(crate) fn is_empty(&self) -> bool {
        self.inserts.is_empty() && self.updates.is_empty()
    }
}

impl Books<'_> {
    /// The keys of the owner's books with one of these ISBNs, or with one of these titles and authors. A book can be found
    /// twice. There may be as many as the library has books.
    pub(crate) async fn find_keys(
        &self,
        owner: UserId,
        isbns: &[Isbn],
        titles: &[TitleKey],
    ) -> Result<Vec<BookKeys>, StoreError> {
        let mut found = Vec::new();
        let different: BTreeSet<_> = isbns.iter().map(Isbn::as_str).collect();
        for isbns in Vec::from_iter(different).chunks(KEYS_PER_STATEMENT) {
            let sql = self.select_each(owner, KEY_COLUMNS, KeyColumn::Isbn, isbns).plan_anew();
            found.extend(self.0.db.read::<BookKeys>(sql).await?);
        }
        let titles: BTreeSet<_> = titles.iter().cloned().map(Arc::new).collect();
        let different: BTreeSet<_> = titles.iter().map(|key| key.0.as_str()).collect();
        for different in Vec::from_iter(different).chunks(KEYS_PER_STATEMENT) {
            let sql = self.select_each(owner, KEY_COLUMNS, KeyColumn::Title, different).plan_anew();
            // Books of other authors are found too.
            let read_row = |row: &mut RowReader<'_>| {
                let BookKeys { id, isbn, title } = BookKeys::from_row(row)?;
                let same = titles.get(&title).cloned();
                Ok(same.map(|title| BookKeys { id, isbn, title }))
            };
            found.extend(self.0.db.read_with(sql, read_row).await?.into_iter().flatten());
        }
        Ok(found)
    }

    /// The owner's books with these ids, which are all different, in no particular order.
    pub(crate) async fn find_by_ids(
        &self,
        owner: UserId,
        ids: &[BookId],
    ) -> Result<Vec<Book>, StoreError> {
        let mut found = Vec::new();
        let columns = BookColumns::all();
        for ids in ids.chunks(KEYS_PER_STATEMENT) {
            let sql = self.select_each(owner, columns.to_select(), KeyColumn::Id, ids).plan_anew();
            found.extend(self.0.db.read::<Book>(sql).await?);
        }
        Ok(found)
    }

    /// The statements that write a batch. They must be executed in one transaction.
    pub(in crate::store) fn batch_statements(
        &self,
        owner: UserId,
        batch: &BookBatch,
        now: Timestamp,
    ) -> Vec<BatchStatement> {
        let mut statements = Vec::new();
        if self.0.db.backend() == DbBackend::Postgres && !batch.updates.is_empty() {
            statements.push(self.lock_books(owner, &batch.updates));
        }
        for BookUpdate { id, version, changes } in &batch.updates {
            let mut sql = self.0.db.sql();
            self.push_update_of_version(&mut sql, (owner, *id, *version), changes, now);
            statements.push(BatchStatement { sql, rows: Some(1) });
        }
        if batch.inserts.is_empty() {
            return statements;
        }
        statements.push(BatchStatement { sql: self.reservation(owner, batch), rows: Some(1) });
        let per_statement = match self.0.db.backend() {
            DbBackend::Postgres => INSERTS_PER_STATEMENT,
            _ => 1,
        };
        let inserts = batch.inserts.chunks(per_statement).map(|books| {
            let mut sql = self.0.db.sql();
            push_inserts(&mut sql, owner, books);
            BatchStatement { sql, rows: None }
        });
        statements.extend(inserts);
        statements
    }

    /// The statement that locks the books of updates, in the order of their ids. The size of the library is locked by the first
    /// update of a text. All books must be locked before, as by the owner's own update or deletion of a book: otherwise that
    /// could have the lock on a later book and wait for the library.
    fn lock_books(&self, owner: UserId, updates: &[BookUpdate]) -> BatchStatement {
        let mut sql = self.0.db.sql();
        sql.push("SELECT ").column(Column::Id).push(" FROM ").table(Entity).push(" WHERE ");
        sql.column(Column::OwnerId).push(" = ").bind(owner);
        sql.push(" AND ").column(Column::Id).push(" IN (");
        // Filled up, so that there are few different statements to prepare.
        let ids = updates.iter().map(|update| update.id).cycle();
        sql.join(", ", ids.take(updates.len().next_power_of_two()), |sql, id| {
            sql.bind(id);
        });
        sql.push(") ORDER BY ").column(Column::Id).push(" FOR UPDATE");
        BatchStatement { sql, rows: Some(updates.len()) }
    }

    /// The statement that returns a row if the library has space for the new books. On PostgreSQL it adds them to the
    /// size of the library.
    fn reservation(&self, owner: UserId, batch: &BookBatch) -> Sql {
        let books = i64::try_from(batch.inserts.len()).unwrap_or(i64::MAX);
        let kibibytes = batch.inserts.iter().map(|(_, book)| book.kibibytes()).sum();
        let mut sql = self.0.db.sql();
        if self.0.db.backend() == DbBackend::Postgres {
            self.0.quota.push_reservation_of(&mut sql, owner, books, kibibytes);
        } else {
            sql.push("SELECT 1 WHERE ");
            self.0.quota.push_has_space_for(&mut sql, owner, books, kibibytes);
        }
        sql
    }
}

const KEY_COLUMNS: [Column; 4] =
    [Column::Id, Column::Isbn, Column::TitleFolded, Column::AuthorFolded];

impl FromRow for BookKeys {
    fn from_row(row: &mut RowReader<'_>) -> Result<Self, QueryError> {
        Ok(Self { id: row.read()?, isbn: row.read()?, title: Arc::new((row.read()?, row.read()?)) })
    }
}

/// Appends the statement that inserts books.
fn push_inserts(sql: &mut Sql, owner: UserId, books: &[(BookId, NewBook)]) {
    sql.push("INSERT INTO ").table(Entity).push(" (");
    for (index, (id, book)) in books.iter().enumerate() {
        let mut assignments = book.assignments(*id, owner, id.created_at());
        let bytes = assignments.texts().map(|(_, bytes)| bytes).sum::<i32>();
        assignments.set(Column::Bytes, bytes);
        if index == 0 {
            sql.columns(assignments.columns()).push(") VALUES ");
        } else {
            sql.push(", ");
        }
        sql.push("(");
        sql.join(", ", assignments, |sql, assignment| {
            sql.bind(assignment.value);
        });
        sql.push(")");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::id::IdGenerator;
    use crate::input::author::Author;
    use crate::input::notes::Notes;
    use crate::input::publisher::Publisher;
    use crate::input::read_count::ReadCount;
    use crate::input::tags::Tags;
    use crate::input::title::Title;

    /// What is reserved must be what the insert stores in `bytes`.
    #[test]
    fn the_size_of_a_book_is_that_of_the_texts_that_are_inserted() {
        let ids = IdGenerator::new(Clock::system());
        for length in [1, 40, 1_000, 1_024, 2_000, 20_000] {
            let book = NewBook {
                title: Title::parse("Les Misérables").expect("a title"),
                author: Author::parse("Victor Hugo").expect("an author"),
                isbn: Isbn::parse("9780135957059").expect("an ISBN"),
                rating: None,
                status: None,
                started_on: None,
                finished_on: None,
                read_count: ReadCount::default(),
                published_year: None,
                page_count: None,
                tags: Tags::parse(&["été", "b"]).expect("tags"),
                notes: Notes::parse(&"é".repeat(length)).expect("notes"),
                publisher: Publisher::parse("Gallimard").expect("a publisher"),
            };
            let assignments = book.assignments(ids.next(), ids.next(), Clock::system().now());
            let bytes: i32 = assignments.texts().map(|(_, bytes)| bytes).sum();
            assert_eq!(book.kibibytes(), (i64::from(bytes) + 1023) / 1024, "{length}");
        }
    }
}
