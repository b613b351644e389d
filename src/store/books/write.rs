//! Creating, updating and deleting books.

use sea_orm::sea_query::{BinOper, Expr, ExprTrait, Query, UpdateStatement};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, Iterable, ModelTrait,
    QueryFilter, QueryTrait, Value,
};

use super::{BOOK_COLUMNS, Book, BookChanges, Books, Created, NewBook, Updated, owned_by};
use crate::clock::Timestamp;
use crate::entity::book::{Column, Entity, Model};
use crate::id::{BookId, UserId};
use crate::input::author::Author;
use crate::input::idempotency_key::IdempotencyKey;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::rating::Rating;
use crate::input::text::{fold, fold_for_index};
use crate::input::title::Title;
use crate::store::error::{QueryError, StoreError, UniqueConstraint};
use crate::store::events::{BookChange, ChangeKind, Event};
use crate::store::fast_path::StatementKey;

/// How often an insert is tried if a book with the same idempotency key is deleted concurrently.
const MAX_ATTEMPTS: usize = 3;

impl Books<'_> {
    /// Inserts a book, or returns the one that was created with the same idempotency key.
    pub(crate) async fn create(
        &self,
        id: BookId,
        owner: UserId,
        new: NewBook,
        idempotency_key: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> Result<Created, StoreError> {
        let book = Book {
            id,
            owner_id: owner,
            title: new.title.as_str().to_owned(),
            author: new.author.as_str().to_owned(),
            isbn: new.isbn.as_ref().map(|isbn| isbn.as_str().to_owned()),
            rating: new.rating.map(Rating::get),
            notes: new.notes.as_ref().map(|notes| notes.as_str().to_owned()),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let row = Model {
            id,
            owner_id: owner,
            title: book.title.clone(),
            title_folded: fold_for_index(&book.title),
            author: book.author.clone(),
            author_folded: fold_for_index(&book.author),
            isbn: book.isbn.clone(),
            rating: book.rating,
            notes: book.notes.clone(),
            notes_folded: book.notes.as_deref().map(fold),
            idempotency_key: idempotency_key.as_ref().map(|key| key.as_str().to_owned()),
            version: book.version,
            created_at: now,
            updated_at: now,
        };
        let values: Vec<Value> = Column::iter().map(|column| row.get(column)).collect();
        let insert = || Entity::insert(row.clone().into_active_model().reset_all()).into_query();
        for _ in 0..MAX_ATTEMPTS {
            let sql = self.0.direct.known(StatementKey::NewBook, values.clone(), insert);
            let Err(failed) = self.0.direct.write::<Book>(sql).await else {
                self.publish(owner, id, ChangeKind::Created).await;
                return Ok(Created::New(book));
            };
            let Some(broken) = failed.broken else {
                return Err(failed.error);
            };
            // A retry has the same ISBN too, and the database may report either constraint.
            if let Some(key) = &idempotency_key {
                let same_key = Column::IdempotencyKey.eq(key.as_str());
                if let Some(first) = self.one(owned_by(owner).add(same_key)).await? {
                    return Ok(Created::Replayed(first));
                }
            }
            match (broken, &new.isbn) {
                (UniqueConstraint::BookIsbn, Some(isbn)) => {
                    return Ok(Created::DuplicateIsbn(self.find_by_isbn(owner, isbn).await?));
                }
                // The book with this key has just been deleted, so the key is free again.
                (UniqueConstraint::BookIdempotencyKey, _) => {}
                _ => return Err(failed.error),
            }
        }
        Err(QueryError::unavailable("the idempotency key is used by concurrent requests").into())
    }

    /// Updates a book in one statement. Writes only if a value differs and the book has the expected
    /// version, if any.
    pub(crate) async fn update(
        &self,
        owner: UserId,
        id: BookId,
        changes: BookChanges,
        expected_version: Option<i32>,
        now: Timestamp,
    ) -> Result<Updated, StoreError> {
        let isbn = changes.isbn.clone().flatten();
        let update = Update { sets: assignments_from(&changes), id, owner, expected_version, now };
        if update.assignments().next().is_some() {
            let known = StatementKey::Update(update.key());
            let sql = self.0.direct.known(known, update.values(), || update.statement());
            match self.0.direct.write::<Book>(sql).await {
                Ok(mut updated) => {
                    if let Some(book) = updated.pop() {
                        self.publish(owner, id, ChangeKind::Updated(book.version)).await;
                        return Ok(Updated::Done(book));
                    }
                }
                Err(QueryError { broken, error }) => {
                    return match (broken, isbn) {
                        (Some(UniqueConstraint::BookIsbn), Some(isbn)) => {
                            Ok(Updated::DuplicateIsbn(self.find_by_isbn(owner, &isbn).await?))
                        }
                        _ => Err(error),
                    };
                }
            }
        }
        // Nothing was written: find out why.
        match self.one(owned_by(owner).add(Column::Id.eq(id))).await? {
            None => Ok(Updated::NotFound),
            Some(book) if expected_version.is_some_and(|version| version != book.version) => {
                Ok(Updated::VersionConflict(book))
            }
            Some(book) => Ok(Updated::Done(book)),
        }
    }

    /// Deletes a book; false if the owner has no such book.
    pub(crate) async fn delete(&self, owner: UserId, id: BookId) -> Result<bool, StoreError> {
        let book = owned_by(owner).add(Column::Id.eq(id));
        let deleted = Entity::delete_many().filter(book).exec(&*self.0.writer().await?).await?;
        if deleted.rows_affected > 0 {
            self.publish(owner, id, ChangeKind::Deleted).await;
        }
        Ok(deleted.rows_affected > 0)
    }

    async fn publish(&self, owner: UserId, book: BookId, kind: ChangeKind) {
        self.0.events.publish(&[Event::BookChanged(BookChange { owner, book, kind })]).await;
    }
}

/// How many fields of a book can be updated.
const UPDATABLE_COLUMNS: usize = 5;

/// An update of a book.
struct Update {
    /// One element per updatable field; `None` keeps the field.
    sets: [Option<Assignment>; UPDATABLE_COLUMNS],
    id: BookId,
    owner: UserId,
    expected_version: Option<i32>,
    now: Timestamp,
}

/// A column to set, and its folded column, if any, for sorting and search.
struct Assignment {
    column: Column,
    value: Value,
    folded: Option<(Column, Value)>,
}

/// What determines the SQL text of an update. Everything else is a bound value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) struct UpdateStatementKey {
    /// Which of the updatable fields change.
    sets: [bool; UPDATABLE_COLUMNS],
    expects_a_version: bool,
}

/// The assignments of an update, with one element per updatable field.
fn assignments_from(changes: &BookChanges) -> [Option<Assignment>; UPDATABLE_COLUMNS] {
    let assignment = |column, value| Assignment { column, value, folded: None };
    let folded_assignment =
        |column, value, folded| Assignment { column, value, folded: Some(folded) };
    let BookChanges { title, author, isbn, rating, notes } = changes;
    [
        title.as_ref().map(Title::as_str).map(|title| {
            let folded = (Column::TitleFolded, fold_for_index(title).into());
            folded_assignment(Column::Title, title.into(), folded)
        }),
        author.as_ref().map(Author::as_str).map(|author| {
            let folded = (Column::AuthorFolded, fold_for_index(author).into());
            folded_assignment(Column::Author, author.into(), folded)
        }),
        isbn.as_ref().map(|isbn| assignment(Column::Isbn, isbn.as_ref().map(Isbn::as_str).into())),
        rating.map(|rating| assignment(Column::Rating, rating.map(Rating::get).into())),
        notes.as_ref().map(|notes| {
            let notes = notes.as_ref().map(Notes::as_str);
            folded_assignment(
                Column::Notes,
                notes.into(),
                (Column::NotesFolded, notes.map(fold).into()),
            )
        }),
    ]
}

impl Update {
    fn assignments(&self) -> impl Iterator<Item = &Assignment> {
        self.sets.iter().flatten()
    }

    fn key(&self) -> UpdateStatementKey {
        let expects_a_version = self.expected_version.is_some();
        UpdateStatementKey { sets: self.sets.each_ref().map(Option::is_some), expects_a_version }
    }

    /// The `UPDATE` statement. It matches the row only if at least one value differs.
    fn statement(&self) -> UpdateStatement {
        let mut update = Query::update();
        update.table(Entity);
        let mut different = Condition::any();
        for Assignment { column, value, folded } in self.assignments() {
            let distinct = BinOper::Custom("IS DISTINCT FROM");
            different = different.add(Expr::col(*column).binary(distinct, value.clone()));
            update.value(*column, value.clone());
            if let Some((column, value)) = folded {
                update.value(*column, value.clone());
            }
        }
        update.value(Column::Version, Expr::col(Column::Version).add(1));
        update.value(Column::UpdatedAt, self.now);
        update.cond_where(different);
        update.and_where(Column::Id.eq(self.id)).and_where(Column::OwnerId.eq(self.owner));
        if let Some(version) = self.expected_version {
            update.and_where(Column::Version.eq(version));
        }
        update.returning(Query::returning().columns(BOOK_COLUMNS)).take()
    }

    /// The values of the statement, in the order of the placeholders in its text.
    fn values(&self) -> Vec<Value> {
        let assignments = self.assignments().flat_map(|set| {
            std::iter::once(&set.value).chain(set.folded.as_ref().map(|(_, folded)| folded))
        });
        let mut values: Vec<_> = assignments.cloned().collect();
        values.extend([1.into(), self.now.into()]);
        values.extend(self.assignments().map(|set| set.value.clone()));
        values.extend([self.id.into(), self.owner.into()]);
        values.extend(self.expected_version.map(Value::from));
        values
    }
}
