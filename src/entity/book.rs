//! Books.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::id::{BookId, UserId};
use crate::input::author::Author;
use crate::input::calendar_date::CalendarDate;
use crate::input::idempotency_key::IdempotencyKey;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::page_count::PageCount;
use crate::input::published_year::PublishedYear;
use crate::input::publisher::Publisher;
use crate::input::rating::Rating;
use crate::input::read_count::ReadCount;
use crate::input::reading_status::ReadingStatus;
use crate::input::tags::Tags;
use crate::input::title::Title;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "books")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) owner_id: UserId,
    /// Contains the time at which the book was created.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: BookId,
    pub(crate) title: Title,
    /// Folded title, for sorting and search.
    pub(crate) title_folded: String,
    pub(crate) author: Author,
    /// Folded author, for sorting and search.
    pub(crate) author_folded: String,
    /// Unique per owner.
    pub(crate) isbn: Option<Isbn>,
    pub(crate) rating: Option<Rating>,
    pub(crate) status: Option<ReadingStatus>,
    pub(crate) started_on: Option<CalendarDate>,
    /// Not before `started_on`.
    pub(crate) finished_on: Option<CalendarDate>,
    pub(crate) read_count: ReadCount,
    pub(crate) published_year: Option<PublishedYear>,
    pub(crate) page_count: Option<PageCount>,
    pub(crate) tags: Option<Tags>,
    /// Folded tags, for search.
    pub(crate) tags_folded: Option<String>,
    /// Keys of the tags, for the filter by a tag.
    pub(crate) tag_keys: Option<String>,
    pub(crate) notes: Option<Notes>,
    /// Folded notes, for search.
    pub(crate) notes_folded: Option<String>,
    pub(crate) publisher: Option<Publisher>,
    /// Folded publisher, for search.
    pub(crate) publisher_folded: Option<String>,
    /// Chosen by the client that created the book; unique per owner.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    /// Bytes of the texts that the owner has set, and of the cover.
    pub(crate) bytes: i32,
    /// Starts at 1 and increases by one with every change.
    pub(crate) version: i32,
    pub(crate) updated_at: Timestamp,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
