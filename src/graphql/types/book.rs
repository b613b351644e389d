//! Books.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, OutputType, SelectionField};

use super::cover::{self, Cover};
use super::reading_status::ReadingStatus;
use super::user::User;
use crate::auth::identity::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::direct_json::{DirectJson, WriteValue, Writer};
use crate::graphql::error::{ApiError, Nullable, Result};
use crate::graphql::scalars::{Date, DateTime};
use crate::id::{BookId, UserId};
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::page_count::PageCount;
use crate::input::published_year::PublishedYear;
use crate::input::publisher::Publisher;
use crate::input::rating::Rating;
use crate::input::tags::Tags;
use crate::store::books::{self, BookColumns, Column};

/// A clone shares the row: notes are long.
#[derive(Clone, Debug)]
pub(crate) struct Book(pub(crate) Arc<books::Book>);

impl Book {
    pub(in crate::graphql) fn new(row: books::Book) -> Self {
        Self(Arc::new(row))
    }

    /// These columns of the viewer's book with this id; `None` if it does not exist or belongs to another user.
    pub(in crate::graphql) async fn find(
        ctx: &Context<'_>,
        viewer: Viewer,
        id: BookId,
        columns: BookColumns,
    ) -> Result<Option<Self>> {
        let book = ctx.loaders().book(viewer.user, id, columns).await?;
        let book = book.filter(|book| viewer.owns(&**book));
        Ok(book.map(Self))
    }
}

/// A book in a user's library.
#[expect(clippy::unused_async, reason = "async-graphql requires it of resolvers")]
#[Object]
impl Book {
    /// Id of the book, for `book`, `node` and client caches.
    pub(super) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The title, 1 to 500 characters.
    async fn title(&self) -> Result<&str> {
        Ok(self.0.title()?.as_str())
    }

    /// The author or authors, 1 to 500 characters.
    async fn author(&self) -> Result<&str> {
        Ok(self.0.author()?.as_str())
    }

    /// The ISBN in its canonical form, an ISBN-13 of 13 digits; null if the book has none.
    async fn isbn(&self) -> Result<Option<&str>> {
        Ok(self.0.isbn()?.as_ref().map(Isbn::as_str))
    }

    /// The rating, 1 to 5; null if the book is not rated.
    async fn rating(&self) -> Result<Option<i32>> {
        Ok(self.0.rating()?.map(Rating::get).map(i32::from))
    }

    /// The owner's notes, up to 20,000 characters; null if there are none.
    async fn notes(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        let notes = self.0.notes()?.as_ref().map(Notes::as_str);
        ctx.response_size().add_written(notes.map_or(0, str::len))?;
        Ok(notes)
    }

    /// The publisher, 1 to 200 characters; null if it is not known.
    async fn publisher(&self) -> Result<Option<&str>> {
        Ok(self.0.publisher()?.as_ref().map(Publisher::as_str))
    }

    /// How far the owner is with the book; null if that is not known.
    async fn status(&self) -> Result<Option<ReadingStatus>> {
        Ok(self.0.status()?.map(ReadingStatus::from))
    }

    /// The day on which the owner started to read the book; null if it is not known.
    async fn started_on(&self) -> Result<Option<Date>> {
        Ok(self.0.started_on()?.map(Date))
    }

    /// The day on which the owner finished the book, not before `startedOn`; null if it is not known.
    async fn finished_on(&self) -> Result<Option<Date>> {
        Ok(self.0.finished_on()?.map(Date))
    }

    /// How often the owner has read the book, 0 or more.
    async fn read_count(&self) -> Result<i32> {
        Ok(self.0.read_count()?.get())
    }

    /// The year of publication, -5000 to 2200; null if it is not known. Negative before the common era.
    async fn published_year(&self) -> Result<Option<i32>> {
        Ok(self.0.published_year()?.map(PublishedYear::get).map(i32::from))
    }

    /// Number of pages, 1 to 100,000; null if it is not known.
    async fn page_count(&self) -> Result<Option<i32>> {
        Ok(self.0.page_count()?.map(PageCount::get))
    }

    /// The tags in the order of the owner: up to 50, each with 1 to 50 characters. No two are equal
    /// regardless of case.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<&str>> {
        let tags: Vec<_> = self.0.tags()?.iter().flat_map(Tags::iter).collect();
        ctx.response_size().add_written(tags.iter().map(|tag| tag.len()).sum())?;
        Ok(tags)
    }

    /// The cover; null if the book has none.
    async fn cover(&self, ctx: &Context<'_>) -> Nullable<Cover> {
        let cover = ctx.loaders().cover(self.0.owner_id, self.0.id).await;
        cover.map(|cover| cover.map(Cover)).map_err(ApiError::from).transpose()
    }

    /// The account that owns the book.
    async fn owner(&self) -> User {
        User(self.0.owner_id)
    }

    /// The version of the book. It starts at 1 and increases by 1 with every change.
    async fn version(&self) -> Result<i32> {
        Ok(*self.0.version()?)
    }

    /// When the book was added to the library.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at())
    }

    /// When the book was last changed; equal to `createdAt` until the first change.
    async fn updated_at(&self) -> Result<DateTime> {
        Ok(DateTime(*self.0.updated_at()?))
    }
}

/// A field of a book: what it reads, and how it is written as JSON without its resolver.
struct BookField {
    name: &'static str,
    /// The column that it reads, besides the ids, which are always read.
    column: Option<Column>,
    writer: Writer<Book>,
}

const fn column(name: &'static str, column: Column, write: WriteValue<Book>) -> BookField {
    BookField { name, column: Some(column), writer: Writer::Value(write) }
}

/// All fields of a book.
const FIELDS: &[BookField] = &[
    BookField {
        name: "id",
        column: None,
        writer: Writer::Value(|book, json| json.plain(book.0.id)),
    },
    BookField {
        name: "owner",
        column: None,
        writer: Writer::Shared(|ctx, field, owner| {
            let owner = User(*owner);
            Box::pin(async move { owner.resolve(ctx, field).await })
        }),
    },
    BookField {
        name: "cover",
        column: None,
        writer: Writer::Object(|ctx, field, books| Box::pin(cover::plan(ctx, field, books))),
    },
    column("title", Column::Title, |book, json| json.value(book.0.title()?.as_str())),
    column("author", Column::Author, |book, json| json.value(book.0.author()?.as_str())),
    column("isbn", Column::Isbn, |book, json| {
        json.value(&book.0.isbn()?.as_ref().map(Isbn::as_str))
    }),
    column("rating", Column::Rating, |book, json| json.value(&book.0.rating()?.map(Rating::get))),
    column("notes", Column::Notes, |book, json| {
        json.value(&book.0.notes()?.as_ref().map(Notes::as_str))
    }),
    column("publisher", Column::Publisher, |book, json| {
        json.value(&book.0.publisher()?.as_ref().map(Publisher::as_str))
    }),
    column("status", Column::Status, |book, json| {
        let status = book.0.status()?.map(ReadingStatus::from);
        json.value(&status.and_then(ReadingStatus::name))
    }),
    column("startedOn", Column::StartedOn, |book, json| json.value(book.0.started_on()?)),
    column("finishedOn", Column::FinishedOn, |book, json| json.value(book.0.finished_on()?)),
    column("readCount", Column::ReadCount, |book, json| json.value(&book.0.read_count()?.get())),
    column("publishedYear", Column::PublishedYear, |book, json| {
        json.value(&book.0.published_year()?.map(PublishedYear::get))
    }),
    column("pageCount", Column::PageCount, |book, json| {
        json.value(&book.0.page_count()?.map(PageCount::get))
    }),
    column("tags", Column::Tags, |book, json| match book.0.tags()? {
        Some(tags) => json.value(tags),
        None => json.value(&[""; 0]),
    }),
    column("version", Column::Version, |book, json| json.value(book.0.version()?)),
    BookField {
        name: "createdAt",
        column: None,
        writer: Writer::Value(|book, json| json.plain(book.0.created_at())),
    },
    column("updatedAt", Column::UpdatedAt, |book, json| json.plain(book.0.updated_at()?)),
];

/// The columns that the field that is being resolved reads, which returns a book.
pub(in crate::graphql) fn columns_selected(ctx: &Context<'_>) -> BookColumns {
    let field = ctx.look_ahead().selection_fields();
    let fields = field.iter().flat_map(SelectionField::selection_set);
    columns_read(fields.map(|field| field.name()))
}

/// The columns that the selected fields of a book read. A field that is not in the table may read any.
pub(in crate::graphql) fn columns_read<'a>(fields: impl Iterator<Item = &'a str>) -> BookColumns {
    fields.filter(|name| *name != "__typename").fold(BookColumns::default(), |columns, name| {
        match FIELDS.iter().find(|field| field.name == name) {
            Some(field) => field.column.map_or(columns, |column| columns.with(column)),
            None => BookColumns::all(),
        }
    })
}

impl DirectJson for Book {
    /// The owner.
    type Shared = UserId;

    fn shared(&self) -> UserId {
        self.0.owner_id
    }

    fn writer(name: &str) -> Option<&'static Writer<Self>> {
        FIELDS.iter().find(|field| field.name == name).map(|field| &field.writer)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::OutputType;
    use async_graphql::registry::{MetaType, Registry};

    use super::*;

    #[test]
    fn every_field_of_a_book_has_a_writer() {
        let mut registry = Registry::default();
        Book::create_type_info(&mut registry);
        let Some(MetaType::Object { fields, .. }) = registry.types.get("Book") else {
            panic!("Book is not an object");
        };
        let missing: Vec<_> = fields.keys().filter(|name| Book::writer(name).is_none()).collect();
        assert!(missing.is_empty(), "no writer in FIELDS: {missing:?}");
        assert_eq!(fields.len(), FIELDS.len());
    }
}
