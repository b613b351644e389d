//! Sort orders of books. Every order is total: books with equal keys are sorted by id.

use super::model::{Book, Column};
use crate::clock::Timestamp;
use crate::id::BookId;
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

/// The value that a book is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SortKey {
    Instant(Timestamp),
    Text(String),
    /// For a book without a rating, the value is [`BookOrder::unrated`].
    Rating(i32),
}

/// The position of a book in a sorted list. The book may have been deleted since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeysetPosition {
    pub(crate) key: SortKey,
    pub(crate) id: BookId,
}

impl BookOrder {
    pub(crate) fn new(field: BookOrderField, direction: Direction) -> Self {
        Self { field, direction, reversed: false }
    }

    /// The column that [`Self::position`] reads.
    pub(crate) fn column(self) -> Column {
        match self.field {
            BookOrderField::CreatedAt => Column::CreatedAt,
            BookOrderField::UpdatedAt => Column::UpdatedAt,
            BookOrderField::Title => Column::Title,
            BookOrderField::Author => Column::Author,
            BookOrderField::Rating => Column::Rating,
        }
    }

    /// The position of a book in this order. An error if [`Self::column`] was not selected.
    pub(crate) fn position(self, book: &Book) -> Result<KeysetPosition, StoreError> {
        let key = match self.field {
            BookOrderField::CreatedAt => SortKey::Instant(*book.created_at()?),
            BookOrderField::UpdatedAt => SortKey::Instant(*book.updated_at()?),
            BookOrderField::Title => SortKey::Text(fold_for_index(book.title()?.as_str())),
            BookOrderField::Author => SortKey::Text(fold_for_index(book.author()?.as_str())),
            BookOrderField::Rating => {
                let rating = book.rating()?.map(|rating| i32::from(rating.get()));
                SortKey::Rating(rating.unwrap_or(self.unrated()))
            }
        };
        Ok(KeysetPosition { key, id: book.id })
    }

    /// The same list, read backwards.
    pub(super) fn reversed(self) -> Self {
        Self { reversed: !self.reversed, ..self }
    }

    /// The sort value of a book without a rating, so that such books come last in both directions.
    pub(crate) fn unrated(self) -> i32 {
        match self.direction {
            Direction::Ascending => 6,
            Direction::Descending => 0,
        }
    }

    /// Appends the expression to sort by. There is an index for each.
    fn push_key(self, sql: &mut Sql) {
        match self.field {
            BookOrderField::CreatedAt => sql.column(Column::CreatedAt),
            BookOrderField::UpdatedAt => sql.column(Column::UpdatedAt),
            BookOrderField::Title => sql.column(Column::TitleFolded),
            BookOrderField::Author => sql.column(Column::AuthorFolded),
            BookOrderField::Rating => {
                // A literal, not a bound value: the expression must be the same as that of the index.
                sql.push("coalesce(").column(Column::Rating).push(", ");
                sql.literal(self.unrated()).push(")")
            }
        };
    }

    /// Appends `ORDER BY …`.
    pub(super) fn push_order_by(self, sql: &mut Sql) {
        let direction = match (self.direction, self.reversed) {
            (Direction::Ascending, false) | (Direction::Descending, true) => " ASC",
            (Direction::Descending, false) | (Direction::Ascending, true) => " DESC",
        };
        sql.push(" ORDER BY ");
        self.push_key(sql);
        sql.push(direction).push(", ").column(Column::Id).push(direction);
    }

    /// Appends the condition for books on this side of the position, without the position itself.
    pub(super) fn push_beyond(self, sql: &mut Sql, side: Relative, position: &KeysetPosition) {
        let greater = self.is_ascending_towards(side);
        self.push_comparison(sql, if greater { " > " } else { " < " }, position);
    }

    /// Appends the condition for books on this side of the position, including the position itself.
    pub(super) fn push_from(self, sql: &mut Sql, side: Relative, position: &KeysetPosition) {
        let greater = self.is_ascending_towards(side);
        self.push_comparison(sql, if greater { " >= " } else { " <= " }, position);
    }

    fn is_ascending_towards(self, side: Relative) -> bool {
        (self.direction == Direction::Ascending) == (side == Relative::After)
    }

    fn push_comparison(self, sql: &mut Sql, operator: &'static str, position: &KeysetPosition) {
        sql.push("(");
        self.push_key(sql);
        sql.push(", ").column(Column::Id).push(")").push(operator).push("(");
        match &position.key {
            SortKey::Instant(instant) => sql.bind(*instant),
            SortKey::Text(text) => sql.bind(text.as_str()),
            SortKey::Rating(rating) => sql.bind(*rating),
        };
        sql.push(", ").bind(position.id).push(")");
    }
}

/// A side of a position in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relative {
    Before,
    After,
}
