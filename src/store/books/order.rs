//! The orders in which books are listed. Every order is total: the id decides between equal keys.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{Iden, Order};

use super::{Book, Relative};
use crate::clock::Timestamp;
use crate::entity::book::Column;
use crate::id::BookId;
use crate::input::text::fold_for_index;

/// What books are ordered by.
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
    /// Whether the walk goes from the list's finish to its start.
    reversed: bool,
}

/// The value that a book is ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SortKey {
    Instant(Timestamp),
    Text(String),
    /// A book without a rating stands where [`BookOrder::unrated`] says.
    Rating(i32),
}

/// A place in an ordered list: that of a book, which need not be there any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeysetPosition {
    pub(crate) key: SortKey,
    pub(crate) id: BookId,
}

impl BookOrder {
    pub(crate) fn new(field: BookOrderField, direction: Direction) -> Self {
        Self { field, direction, reversed: false }
    }

    /// Where this book stands in this order.
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

    /// Whether [`Self::position_of`] needs a book's details.
    pub(super) fn needs_details(self) -> bool {
        matches!(self.field, BookOrderField::UpdatedAt | BookOrderField::Rating)
    }

    /// The same list, walked from its finish.
    pub(super) fn reversed(self) -> Self {
        Self { reversed: !self.reversed, ..self }
    }

    /// The number that stands for no rating, so that books without one come last both ways.
    pub(crate) fn unrated(self) -> i32 {
        match self.direction {
            Direction::Ascending => 6,
            Direction::Descending => 0,
        }
    }

    /// What the database orders by; an index serves each.
    pub(super) fn key(self) -> Expr {
        match self.field {
            BookOrderField::CreatedAt => Expr::col(Column::CreatedAt),
            BookOrderField::UpdatedAt => Expr::col(Column::UpdatedAt),
            BookOrderField::Title => Expr::col(Column::TitleFolded),
            BookOrderField::Author => Expr::col(Column::AuthorFolded),
            BookOrderField::Rating => {
                // Written out, not bound: an index on an expression serves only its like.
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

    /// True of the rows on this side of the position, without the position itself.
    pub(super) fn beyond(self, side: Relative, position: &KeysetPosition) -> Expr {
        let (row, there) = (self.row(), at(position));
        if self.is_ascending_towards(side) { row.gt(there) } else { row.lt(there) }
    }

    /// True of the position and the rows on this side of it.
    pub(super) fn from(self, side: Relative, position: &KeysetPosition) -> Expr {
        let (row, there) = (self.row(), at(position));
        if self.is_ascending_towards(side) { row.gte(there) } else { row.lte(there) }
    }

    fn is_ascending_towards(self, side: Relative) -> bool {
        (self.direction == Direction::Ascending) == (side == Relative::After)
    }

    fn row(self) -> Expr {
        Expr::tuple([self.key(), Expr::col(Column::Id)])
    }
}

fn at(position: &KeysetPosition) -> Expr {
    let key = match &position.key {
        SortKey::Instant(instant) => Expr::value(*instant),
        SortKey::Text(text) => Expr::value(text.as_str()),
        SortKey::Rating(rating) => Expr::value(*rating),
    };
    Expr::tuple([key, Expr::value(position.id)])
}
