//! Sort orders of books. Every order is total: books with equal keys are sorted by id.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{Iden, Order};

use super::{Book, Relative};
use crate::clock::Timestamp;
use crate::entity::book::Column;
use crate::id::BookId;
use crate::input::text::fold_for_index;

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

    /// The position of this book in this order.
    pub(crate) fn position_of(self, book: &Book) -> KeysetPosition {
        let key = match self.field {
            BookOrderField::CreatedAt => SortKey::Instant(book.created_at),
            BookOrderField::UpdatedAt => SortKey::Instant(book.updated_at),
            BookOrderField::Title => SortKey::Text(fold_for_index(&book.title)),
            BookOrderField::Author => SortKey::Text(fold_for_index(&book.author)),
            BookOrderField::Rating => {
                SortKey::Rating(book.rating.map_or(self.unrated(), i32::from))
            }
        };
        KeysetPosition { key, id: book.id }
    }

    /// Whether [`Self::position_of`] needs [`BookProjection::details`](super::BookProjection).
    pub(super) fn needs_details(self) -> bool {
        matches!(self.field, BookOrderField::UpdatedAt | BookOrderField::Rating)
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

    /// The SQL expression to sort by. There is an index for each.
    pub(super) fn key(self) -> Expr {
        match self.field {
            BookOrderField::CreatedAt => Expr::col(Column::CreatedAt),
            BookOrderField::UpdatedAt => Expr::col(Column::UpdatedAt),
            BookOrderField::Title => Expr::col(Column::TitleFolded),
            BookOrderField::Author => Expr::col(Column::AuthorFolded),
            BookOrderField::Rating => {
                // A literal, not a bound value: the expression must be the same as that of the index.
                Expr::cust(format!("coalesce({}, {})", Column::Rating.unquoted(), self.unrated()))
            }
        }
    }

    pub(super) fn sql(self) -> Order {
        match (self.direction, self.reversed) {
            (Direction::Ascending, false) | (Direction::Descending, true) => Order::Asc,
            (Direction::Descending, false) | (Direction::Ascending, true) => Order::Desc,
        }
    }

    /// Matches the rows on this side of the position, without the position itself.
    pub(super) fn beyond(self, side: Relative, position: &KeysetPosition) -> Expr {
        let (row, bound) = (self.row(), values(position));
        if self.is_ascending_towards(side) { row.gt(bound) } else { row.lt(bound) }
    }

    /// Matches the rows on this side of the position, including the position itself.
    pub(super) fn from(self, side: Relative, position: &KeysetPosition) -> Expr {
        let (row, bound) = (self.row(), values(position));
        if self.is_ascending_towards(side) { row.gte(bound) } else { row.lte(bound) }
    }

    fn is_ascending_towards(self, side: Relative) -> bool {
        (self.direction == Direction::Ascending) == (side == Relative::After)
    }

    fn row(self) -> Expr {
        Expr::tuple([self.key(), Expr::col(Column::Id)])
    }
}

fn values(position: &KeysetPosition) -> Expr {
    let key = match &position.key {
        SortKey::Instant(instant) => Expr::value(*instant),
        SortKey::Text(text) => Expr::value(text.as_str()),
        SortKey::Rating(rating) => Expr::value(*rating),
    };
    Expr::tuple([key, Expr::value(position.id)])
}
