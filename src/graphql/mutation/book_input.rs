//! The inputs of the mutations of books, and how they are parsed.

use async_graphql::{InputObject, MaybeUndefined};

use crate::graphql::scalars::Date;
use crate::graphql::types::reading_status::ReadingStatus;
use crate::graphql::types::user_error::InputErrors;
use crate::input::author::Author;
use crate::input::calendar_date::{CalendarDate, check_order};
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::page_count::PageCount;
use crate::input::published_year::PublishedYear;
use crate::input::publisher::Publisher;
use crate::input::rating::Rating;
use crate::input::read_count::ReadCount;
use crate::input::reading_status;
use crate::input::title::Title;
use crate::input::validation_error::{ValidationError, ValidationErrorCode};
use crate::store::books::{BookChanges, NewBook};

/// The book to add.
#[derive(Debug, InputObject)]
pub(super) struct CreateBookInput {
    /// The title, 1 to 500 characters. A line break becomes a space.
    title: String,
    /// The author or authors, 1 to 500 characters. A line break becomes a space.
    author: String,
    /// An ISBN-10 or ISBN-13 in any usual spelling, unique in the library. Absent, null or blank means
    /// no ISBN.
    pub(super) isbn: Option<String>,
    /// The rating, 1 to 5. Absent or null means not rated.
    rating: Option<i32>,
    /// Notes, up to 20,000 characters. Absent, null or blank means no notes.
    notes: Option<String>,
    /// How far the owner is with the book. Absent or null means that it is not known.
    status: Option<ReadingStatus>,
    /// The day on which the owner started to read the book. Absent or null means that it is not known.
    started_on: Option<Date>,
    /// The day on which the owner finished the book, not before `startedOn`. Absent or null means that it
    /// is not known.
    finished_on: Option<Date>,
    /// How often the owner has read the book, 0 or more. Absent or null means 1 with the status `READ`, else 0.
    read_count: Option<i32>,
    /// The publisher, 1 to 200 characters. Absent, null or blank means that it is not known.
    publisher: Option<String>,
    /// The year of publication, -5000 to 2200. Absent or null means that it is not known.
    published_year: Option<i32>,
    /// Number of pages, 1 to 100,000. Absent or null means that it is not known.
    page_count: Option<i32>,
    /// The tags in their order, up to 50, each with 1 to 50 characters. Of tags that differ in case only,
    /// the first is kept. Absent or null means no tags.
    tags: Option<Vec<String>>,
}

impl CreateBookInput {
    pub(super) fn parse(self, form: &mut InputErrors) -> Option<NewBook> {
        let title = form.check("title", Title::parse(&self.title));
        let author = form.check("author", Author::parse(&self.author));
        let isbn = form.check("isbn", self.isbn.as_deref().map_or(Ok(None), Isbn::parse));
        let rating = form.check("rating", self.rating.map(Rating::parse).transpose());
        let notes = form.check("notes", self.notes.as_deref().map_or(Ok(None), Notes::parse));
        let status = self.status.map(reading_status::ReadingStatus::from);
        let started_on = self.started_on.map(|date| date.0);
        let finished_on = self.finished_on.map(|date| date.0);
        let in_order = form.check("finishedOn", check_order(started_on, finished_on));
        let read_count = form.check("readCount", self.read_count.map(ReadCount::parse).transpose());
        let publisher =
            form.check("publisher", self.publisher.as_deref().map_or(Ok(None), Publisher::parse));
        let published_year =
            form.check("publishedYear", self.published_year.map(PublishedYear::parse).transpose());
        let page_count = form.check("pageCount", self.page_count.map(PageCount::parse).transpose());
        let tags = form.check_tags("tags", &self.tags.unwrap_or_default());
        in_order?;
        Some(NewBook {
            title: title?,
            author: author?,
            isbn: isbn?,
            rating: rating?,
            status,
            started_on,
            finished_on,
            read_count: read_count?.unwrap_or(ReadCount::at_least(status)),
            published_year: published_year?,
            page_count: page_count?,
            tags: tags?,
            notes: notes?,
            publisher: publisher?,
        })
    }
}

/// Changes to a book. An absent field is not changed, and null clears a field. Title and author cannot
/// be cleared.
#[derive(Debug, InputObject)]
pub(super) struct UpdateBookInput {
    /// The title, 1 to 500 characters. A line break becomes a space.
    title: MaybeUndefined<String>,
    /// The author or authors, 1 to 500 characters. A line break becomes a space.
    author: MaybeUndefined<String>,
    /// An ISBN-10 or ISBN-13 in any usual spelling, unique in the library. Null or blank removes it.
    pub(super) isbn: MaybeUndefined<String>,
    /// The rating, 1 to 5. Null removes it.
    rating: MaybeUndefined<i32>,
    /// Notes, up to 20,000 characters. Null or blank removes them.
    notes: MaybeUndefined<String>,
    /// How far the owner is with the book. Null removes it. If it becomes `READ` without a `readCount`, a
    /// `readCount` of 0 becomes 1.
    status: MaybeUndefined<ReadingStatus>,
    /// The day on which the owner started to read the book. Null removes it.
    started_on: MaybeUndefined<Date>,
    /// The day on which the owner finished the book, not before `startedOn`. Null removes it.
    finished_on: MaybeUndefined<Date>,
    /// How often the owner has read the book, 0 or more. Null means 1 together with the status `READ`, else 0.
    read_count: MaybeUndefined<i32>,
    /// The publisher, 1 to 200 characters. Null or blank removes it.
    publisher: MaybeUndefined<String>,
    /// The year of publication, -5000 to 2200. Null removes it.
    published_year: MaybeUndefined<i32>,
    /// Number of pages, 1 to 100,000. Null removes it.
    page_count: MaybeUndefined<i32>,
    /// The tags in their order, up to 50, each with 1 to 50 characters, instead of those that the book has.
    /// Of tags that differ in case only, the first is kept. Null removes all.
    tags: MaybeUndefined<Vec<String>>,
    /// The version on which the change is based. The change is rejected if the book has another
    /// version. If absent or null, the version is not checked.
    pub(super) expected_version: Option<i32>,
}

impl UpdateBookInput {
    /// The changes of the dates alone.
    pub(super) fn dates(&self) -> BookChanges {
        BookChanges {
            started_on: date_change(&self.started_on),
            finished_on: date_change(&self.finished_on),
            ..Default::default()
        }
    }

    pub(super) fn parse(self, form: &mut InputErrors) -> Option<BookChanges> {
        let BookChanges { started_on, finished_on, .. } = self.dates();
        let title = form.check("title", required_change(self.title, |text| Title::parse(&text)));
        let author =
            form.check("author", required_change(self.author, |text| Author::parse(&text)));
        let isbn = form.check("isbn", optional_change(self.isbn, |text| Isbn::parse(&text)));
        let rating = form.check("rating", optional_change(self.rating, Rating::parse));
        let notes = form.check("notes", optional_change(self.notes, |text| Notes::parse(&text)));
        let status = match self.status {
            MaybeUndefined::Undefined => None,
            status => Some(status.take().map(reading_status::ReadingStatus::from)),
        };
        let in_order =
            form.check("finishedOn", check_order(started_on.flatten(), finished_on.flatten()));
        let read_count =
            form.check("readCount", optional_change(self.read_count, ReadCount::parse));
        let publisher = form
            .check("publisher", optional_change(self.publisher, |text| Publisher::parse(&text)));
        let published_year =
            form.check("publishedYear", optional_change(self.published_year, PublishedYear::parse));
        let page_count =
            form.check("pageCount", optional_change(self.page_count, PageCount::parse));
        let tags = match self.tags {
            MaybeUndefined::Undefined => Some(None),
            tags => form.check_tags("tags", &tags.take().unwrap_or_default()).map(Some),
        };
        in_order?;
        Some(BookChanges {
            title: title?,
            author: author?,
            isbn: isbn?.map(Option::flatten),
            rating: rating?,
            status,
            started_on,
            finished_on,
            read_count: read_count?
                .map(|count| count.unwrap_or(ReadCount::at_least(status.flatten()))),
            published_year: published_year?,
            page_count: page_count?,
            tags: tags?,
            notes: notes?.map(Option::flatten),
            publisher: publisher?.map(Option::flatten),
        })
    }
}

fn date_change(date: &MaybeUndefined<Date>) -> Option<Option<CalendarDate>> {
    match date {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(date) => Some(Some(date.0)),
    }
}

/// The outer `None` is an absent value, which changes nothing. The inner `None` is null, which clears.
fn optional_change<T, U>(
    value: MaybeUndefined<T>,
    parse: impl FnOnce(T) -> Result<U, ValidationError>,
) -> Result<Option<Option<U>>, ValidationError> {
    match value {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Ok(Some(None)),
        MaybeUndefined::Value(value) => parse(value).map(|value| Some(Some(value))),
    }
}

/// A change of a field that cannot be null.
fn required_change<T, U>(
    value: MaybeUndefined<T>,
    parse: impl FnOnce(T) -> Result<U, ValidationError>,
) -> Result<Option<U>, ValidationError> {
    match optional_change(value, parse)? {
        Some(None) => {
            Err(ValidationError::new(ValidationErrorCode::Required, "Please fill this in."))
        }
        other => Ok(other.flatten()),
    }
}
