//! Adding, changing and removing books.

use sea_orm::sea_query::{BinOper, Expr, ExprTrait, Query, UpdateStatement};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, Iterable, ModelTrait,
    QueryFilter, QueryTrait,
};

use super::{Book, BookChanges, Books, Created, NewBook, SHOWN, Updated, owned_by};
use crate::clock::Timestamp;
use crate::entity::book::{Column, Entity, Model};
use crate::id::{BookId, UserId};
use crate::input::idempotency_key::IdempotencyKey;
use crate::input::rating::Rating;
use crate::input::text::{fold, fold_for_index};
use crate::store::direct::Known;
use crate::store::error::{Failed, StoreError, Unique};
use crate::store::events::{BookChange, ChangeKind, Event};

impl Books<'_> {
    /// Adds a book.
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
            title_key: fold_for_index(&book.title),
            author: book.author.clone(),
            author_key: fold_for_index(&book.author),
            isbn: book.isbn.clone(),
            rating: book.rating,
            notes: book.notes.clone(),
            notes_key: book.notes.as_deref().map(fold),
            idempotency_key: idempotency_key.as_ref().map(|key| key.as_str().to_owned()),
            version: book.version,
            created_at: now,
            updated_at: now,
        };
        let values = Column::iter().map(|column| row.get(column)).collect();
        let insert = || Entity::insert(row.clone().into_active_model().reset_all()).into_query();
        let sql = self.0.direct.known(Known::NewBook, values, insert);
        let Err(failed) = self.0.direct.write::<Book>(sql).await else {
            self.tell(owner, id, ChangeKind::Created).await;
            return Ok(Created::New(book));
        };
        let Some(broken) = failed.broken else {
            return Err(failed.error);
        };
        // A repeated creation repeats its ISBN too, and either rule may be the one reported.
        if let Some(key) = idempotency_key {
            let same_key = Column::IdempotencyKey.eq(key.as_str());
            if let Some(first) = self.one(owned_by(owner).add(same_key)).await? {
                return Ok(Created::Repeated(first));
            }
        }
        match (broken, new.isbn) {
            (Unique::BookIsbn, Some(isbn)) => {
                Ok(Created::DuplicateIsbn(self.find_by_isbn(owner, &isbn).await?))
            }
            _ => Err(failed.error),
        }
    }

    /// Changes a book in one statement, and only if something is different and the version, if one
    /// is expected, is the book's.
    pub(crate) async fn update(
        &self,
        owner: UserId,
        id: BookId,
        changes: BookChanges,
        expected_version: Option<i32>,
        now: Timestamp,
    ) -> Result<Updated, StoreError> {
        let isbn = changes.isbn.clone().flatten();
        if let Some(mut update) = update_of(changes) {
            update.value(Column::Version, Expr::col(Column::Version).add(1));
            update.value(Column::UpdatedAt, now);
            update.and_where(Column::Id.eq(id)).and_where(Column::OwnerId.eq(owner));
            if let Some(version) = expected_version {
                update.and_where(Column::Version.eq(version));
            }
            update.returning(Query::returning().columns(SHOWN));
            match self.0.direct.write::<Book>(self.0.direct.sql(&update)).await {
                Ok(mut updated) => {
                    if let Some(book) = updated.pop() {
                        self.tell(owner, id, ChangeKind::Updated(book.version)).await;
                        return Ok(Updated::Done(book));
                    }
                }
                Err(Failed { broken, error }) => {
                    return match (broken, isbn) {
                        (Some(Unique::BookIsbn), Some(isbn)) => {
                            Ok(Updated::DuplicateIsbn(self.find_by_isbn(owner, &isbn).await?))
                        }
                        _ => Err(error),
                    };
                }
            }
        }
        // Nothing was written. Why?
        match self.one(owned_by(owner).add(Column::Id.eq(id))).await? {
            None => Ok(Updated::NotFound),
            Some(book) if expected_version.is_some_and(|version| version != book.version) => {
                Ok(Updated::VersionConflict(book))
            }
            Some(book) => Ok(Updated::Done(book)),
        }
    }

    /// Removes a book; false if the owner has no such book.
    pub(crate) async fn delete(&self, owner: UserId, id: BookId) -> Result<bool, StoreError> {
        let it = owned_by(owner).add(Column::Id.eq(id));
        let deleted = Entity::delete_many().filter(it).exec(&*self.0.writer().await?).await?;
        if deleted.rows_affected > 0 {
            self.tell(owner, id, ChangeKind::Deleted).await;
        }
        Ok(deleted.rows_affected > 0)
    }

    async fn tell(&self, owner: UserId, book: BookId, kind: ChangeKind) {
        self.0.events.tell(&[Event::BookChanged(BookChange { owner, book, kind })]).await;
    }
}

/// The statement that makes these changes where they are changes; none if there are none to make.
fn update_of(changes: BookChanges) -> Option<UpdateStatement> {
    let mut update = Query::update();
    update.table(Entity);
    let mut different = Vec::new();
    let mut set = |column: Column, value: sea_orm::Value, key: Option<(Column, sea_orm::Value)>| {
        let distinct = BinOper::Custom("IS DISTINCT FROM");
        different.push(Expr::col(column).binary(distinct, value.clone()));
        update.value(column, value);
        if let Some((column, value)) = key {
            update.value(column, value);
        }
    };
    if let Some(title) = changes.title {
        let key = (Column::TitleKey, fold_for_index(title.as_str()).into());
        set(Column::Title, title.as_str().into(), Some(key));
    }
    if let Some(author) = changes.author {
        let key = (Column::AuthorKey, fold_for_index(author.as_str()).into());
        set(Column::Author, author.as_str().into(), Some(key));
    }
    if let Some(isbn) = changes.isbn {
        set(Column::Isbn, isbn.map(|isbn| isbn.as_str().to_owned()).into(), None);
    }
    if let Some(rating) = changes.rating {
        set(Column::Rating, rating.map(Rating::get).into(), None);
    }
    if let Some(notes) = changes.notes {
        let key = (Column::NotesKey, notes.as_ref().map(|notes| fold(notes.as_str())).into());
        set(Column::Notes, notes.map(|notes| notes.as_str().to_owned()).into(), Some(key));
    }
    if different.is_empty() {
        return None;
    }
    update.cond_where(different.into_iter().fold(Condition::any(), Condition::add));
    Some(update)
}
