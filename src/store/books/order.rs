//! Sort orders of books. Every order is total: books with equal keys are sorted by id.

use super::model::{Book, Column};
use crate::clock::Timestamp;
use crate::id::BookId;
use crate::input::rating::Rating;
use crate::input::text::fold_for_index;
use crate::store::db::sql::Sql;
use crate::store::error::StoreError;

/// The field that books are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BookOrderField {
    CreatedAt,
    UpdatedAt,
    Title,
    Author,
    Rating,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BookOrder {
    pub(crate) field: BookOrderField,
    pub(crate) direction: Direction,
    /// Whether the list is read backwards, from its end.
    reversed: bool,
}

/// The value that a book is sorted by, before its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SortKey {
    /// The id alone, which contains the time of creation.
    Id,
    Instant(Timestamp),
    Text(String),
    /// `None` for a book without a rating.
    Rating(Option<Rating>),
}

/// The position of a book in a sorted list. The book may have been deleted since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeysetPosition {
    pub(crate) key: SortKey,
    pub(crate) id: BookId,
}

/// A side of a position in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relative {
    Before,
    After,
}

/// The books on one side of a position, with or without the book at the position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound<'a> {
    pub(super) side: Relative,
    pub(super) position: &'a KeysetPosition,
    pub(super) inclusive: bool,
}

/// A part of a list that has the order of one index. A list by rating has two parts: books without a rating come
/// last in both directions, but an index has them at the same end in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Whole,
    Rated,
    Unrated,
}

/// The SQL of an ascending order.
const ASCENDING: &str = " ASC";

impl BookOrder {
    pub(crate) fn new(field: BookOrderField, direction: Direction) -> Self {
        Self { field, direction, reversed: false }
    }

    /// The column that [`Self::position`] reads, besides the id.
    pub(crate) fn column(self) -> Option<Column> {
        match self.field {
            BookOrderField::CreatedAt => None,
            BookOrderField::UpdatedAt => Some(Column::UpdatedAt),
            BookOrderField::Title => Some(Column::Title),
            BookOrderField::Author => Some(Column::Author),
            BookOrderField::Rating => Some(Column::Rating),
        }
    }

    /// The position of a book in this order. An error if [`Self::column`] was not selected.
    pub(crate) fn position(self, book: &Book) -> Result<KeysetPosition, StoreError> {
        let key = match self.field {
            BookOrderField::CreatedAt => SortKey::Id,
            BookOrderField::UpdatedAt => SortKey::Instant(*book.updated_at()?),
            BookOrderField::Title => SortKey::Text(fold_for_index(book.title()?.as_str())),
            BookOrderField::Author => SortKey::Text(fold_for_index(book.author()?.as_str())),
            BookOrderField::Rating => SortKey::Rating(*book.rating()?),
        };
        Ok(KeysetPosition { key, id: book.id })
    }

    /// The same list, read backwards.
    pub(super) fn reversed(self) -> Self {
        Self { reversed: !self.reversed, ..self }
    }

    /// The parts of the list that have books within these bounds, in the order of the list.
    pub(super) fn segments(self, bounds: &[Bound<'_>]) -> Vec<Segment> {
        let segments: &[Segment] = match self.field {
            BookOrderField::Rating => &[Segment::Rated, Segment::Unrated],
            _ => &[Segment::Whole],
        };
        let has_books = |segment: &Segment| bounds.iter().all(|bound| !segment.is_excluded(bound));
        segments.iter().copied().filter(has_books).collect()
    }

    /// The column that a part is sorted by, before the id.
    fn key(self, segment: Segment) -> Option<Column> {
        match (self.field, segment) {
            (BookOrderField::CreatedAt, _) | (_, Segment::Unrated) => None,
            (BookOrderField::UpdatedAt, _) => Some(Column::UpdatedAt),
            (BookOrderField::Title, _) => Some(Column::TitleFolded),
            (BookOrderField::Author, _) => Some(Column::AuthorFolded),
            (BookOrderField::Rating, _) => Some(Column::Rating),
        }
    }

    /// The column that the list is sorted by, before the id.
    pub(super) fn sort_column(self) -> Option<Column> {
        self.key(match self.field {
            BookOrderField::Rating => Segment::Rated,
            _ => Segment::Whole,
        })
    }

    /// Appends ` ORDER BY …` for the books of one part.
    pub(super) fn push_order_of(self, sql: &mut Sql, segment: Segment) {
        let direction = self.sql_direction();
        sql.push(" ORDER BY ");
        // Unrated books are sorted by their rating too, so that PostgreSQL reads them from its index.
        let unrated = (segment == Segment::Unrated).then_some(Column::Rating);
        if let Some(key) = self.key(segment).or(unrated) {
            sql.column(key).push(direction).push(", ");
        }
        sql.column(Column::Id).push(direction);
    }

    /// Appends ` ORDER BY …` for books of all parts, which the database has to sort.
    pub(super) fn push_order(self, sql: &mut Sql) {
        if self.field != BookOrderField::Rating {
            return self.push_order_of(sql, Segment::Whole);
        }
        let direction = self.sql_direction();
        sql.push(" ORDER BY ").column(Column::Rating).push(" IS NULL");
        sql.push(if self.reversed { " DESC, " } else { " ASC, " });
        sql.column(Column::Rating).push(direction);
        sql.push(", ").column(Column::Id).push(direction);
    }

    fn sql_direction(self) -> &'static str {
        match (self.direction, self.reversed) {
            (Direction::Ascending, false) | (Direction::Descending, true) => ASCENDING,
            (Direction::Descending, false) | (Direction::Ascending, true) => " DESC",
        }
    }

    /// Appends ` AND …` for the books of a part within these bounds.
    pub(super) fn push_range(self, sql: &mut Sql, segment: Segment, bounds: &[Bound<'_>]) {
        match segment {
            Segment::Whole => {}
            Segment::Rated => {
                sql.push(" AND ").column(Column::Rating).push(" IS NOT NULL");
            }
            Segment::Unrated => {
                sql.push(" AND ").column(Column::Rating).push(" IS NULL");
            }
        }
        for bound in bounds.iter().filter(|bound| segment.contains(&bound.position.key)) {
            self.push_bound(sql, segment, bound);
        }
    }

    /// Appends ` AND …` for the books of a part from a certain one on, in the direction in which the list is read. The
    /// sort key and the id of that book are read by `SELECT …` and what `push_row` appends.
    pub(super) fn push_from_row(
        self,
        sql: &mut Sql,
        segment: Segment,
        push_row: impl FnOnce(&mut Sql),
    ) {
        let columns = || self.key(segment).into_iter().chain([Column::Id]);
        let ascending = self.sql_direction() == ASCENDING;
        sql.push(" AND (").columns(columns()).push(if ascending { ") >= (" } else { ") <= (" });
        sql.push("SELECT ").columns(columns());
        push_row(sql);
        sql.push(")");
    }

    fn push_bound(self, sql: &mut Sql, segment: Segment, bound: &Bound<'_>) {
        let ascending = self.direction == Direction::Ascending;
        let operator = match (ascending == (bound.side == Relative::After), bound.inclusive) {
            (true, false) => " > ",
            (true, true) => " >= ",
            (false, false) => " < ",
            (false, true) => " <= ",
        };
        let KeysetPosition { key, id } = bound.position;
        sql.push(" AND ");
        match self.key(segment) {
            None => sql.column(Column::Id).push(operator).bind(*id),
            Some(column) => {
                sql.push("(").column(column).push(", ").column(Column::Id).push(")");
                sql.push(operator).push("(");
                match key {
                    SortKey::Id => sql.bind(*id),
                    SortKey::Instant(instant) => sql.bind(*instant),
                    SortKey::Text(text) => sql.bind(text.as_str()),
                    SortKey::Rating(rating) => sql.bind(*rating),
                };
                sql.push(", ").bind(*id).push(")")
            }
        };
    }
}

impl Segment {
    /// Whether positions with this key are within the part.
    fn contains(self, key: &SortKey) -> bool {
        match self {
            Self::Whole => true,
            Self::Rated => matches!(key, SortKey::Rating(Some(_))),
            Self::Unrated => matches!(key, SortKey::Rating(None)),
        }
    }

    /// Whether all books of the part are beyond the bound.
    fn is_excluded(self, bound: &Bound<'_>) -> bool {
        // Rated books precede all others.
        match (self, bound.side) {
            (Self::Rated, Relative::After) | (Self::Unrated, Relative::Before) => {
                !self.contains(&bound.position.key)
            }
            _ => false,
        }
    }
}
