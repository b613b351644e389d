//! Cursors: positions in a list, as texts that are opaque to clients.
//!
//! A cursor contains the order, the sort key and the id. It is not signed: a list contains only books of
//! its owner, so a forged cursor gives access to nothing else. But a cursor must be well formed.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::input::rating::Rating;
use crate::store::books::{BookOrder, BookOrderField, Direction, KeysetPosition, SortKey};

/// Maximum length of a cursor that is decoded: a folded title of maximum length and an id.
const MAX_CURSOR_BYTES: usize = 2_700;

/// The sort key of a book without a rating.
const UNRATED: i16 = 0;

pub(super) fn encode(order: BookOrder, position: &KeysetPosition) -> String {
    let mut bytes = Vec::with_capacity(32);
    bytes.push(tag(order));
    match &position.key {
        SortKey::Id => {}
        SortKey::Instant(instant) => bytes.extend(instant.as_millis().to_be_bytes()),
        SortKey::Text(text) => bytes.extend(text.as_bytes()),
        SortKey::Rating(rating) => bytes.extend(rating.map_or(UNRATED, Rating::get).to_be_bytes()),
    }
    bytes.extend(Uuid::from(position.id).as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The position of a cursor of this order; `None` if the cursor is malformed or belongs to another order.
pub(super) fn decode(order: BookOrder, cursor: &str) -> Option<KeysetPosition> {
    if cursor.len() > MAX_CURSOR_BYTES {
        return None;
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (&first, rest) = bytes.split_first()?;
    let (key, id) = rest.split_last_chunk::<16>()?;
    if first != tag(order) {
        return None;
    }
    let key = match order.field {
        BookOrderField::CreatedAt => key.is_empty().then_some(SortKey::Id)?,
        BookOrderField::UpdatedAt => {
            SortKey::Instant(Timestamp::from_millis(i64::from_be_bytes(key.try_into().ok()?)))
        }
        BookOrderField::Title | BookOrderField::Author => {
            let text = std::str::from_utf8(key).ok()?;
            SortKey::Text((!text.contains('\0')).then(|| text.to_owned())?)
        }
        BookOrderField::Rating => {
            let rating = i16::from_be_bytes(key.try_into().ok()?);
            SortKey::Rating(match rating {
                UNRATED => None,
                rating => Some(Rating::parse(rating.into()).ok()?),
            })
        }
    };
    Some(KeysetPosition { key, id: Uuid::from_bytes(*id).into() })
}

/// One byte for the order and for the version of this format.
fn tag(order: BookOrder) -> u8 {
    let field = match order.field {
        BookOrderField::CreatedAt => 0,
        BookOrderField::UpdatedAt => 1,
        BookOrderField::Title => 2,
        BookOrderField::Author => 3,
        BookOrderField::Rating => 4,
    };
    let direction = match order.direction {
        Direction::Ascending => 0,
        Direction::Descending => 1,
    };
    0x10 | field << 1 | direction
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn orders() -> impl Iterator<Item = BookOrder> {
        use BookOrderField::{Author, CreatedAt, Rating, Title, UpdatedAt};
        [CreatedAt, UpdatedAt, Title, Author, Rating].into_iter().flat_map(|field| {
            [Direction::Ascending, Direction::Descending].map(|way| BookOrder::new(field, way))
        })
    }

    proptest! {
        #[test]
        fn a_cursor_decodes_only_in_its_own_order(
            millis: i64,
            text in "[^\\x00]{0,200}",
            rating in prop::option::of(1i32..=5),
            id: u128,
        ) {
            let id = Uuid::from_u128(id).into();
            for order in orders() {
                let key = match order.field {
                    BookOrderField::CreatedAt => SortKey::Id,
                    BookOrderField::UpdatedAt => {
                        SortKey::Instant(Timestamp::from_millis(millis))
                    }
                    BookOrderField::Title | BookOrderField::Author => SortKey::Text(text.clone()),
                    BookOrderField::Rating => SortKey::Rating(
                        rating.map(|rating| Rating::parse(rating).expect("1 to 5")),
                    ),
                };
                let position = KeysetPosition { key, id };
                let cursor = encode(order, &position);
                for other in orders() {
                    let expected = (other == order).then(|| position.clone());
                    prop_assert_eq!(decode(other, &cursor), expected);
                }
            }
        }
    }
}
