//! Typed identifiers: a UUIDv7 in the database, a TypeID (`book_01j…`) for clients.

use std::sync::{Mutex, PoisonError};

use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use type_safe_id::{StaticType, TypeSafeId};
use uuid::timestamp::context::ContextV7;
use uuid::{Timestamp, Uuid};

use crate::clock::{self, Clock};

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $tag:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
        pub struct $name(Uuid);

        #[derive(Default)]
        struct $tag;

        impl StaticType for $tag {
            const TYPE: &'static str = $prefix;
        }

        impl $name {
            /// Parses a TypeID of this type. `None` for any other text.
            pub(crate) fn parse(text: &str) -> Option<Self> {
                text.parse::<TypeSafeId<$tag>>().ok().map(|id| Self(id.uuid()))
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                TypeSafeId::<$tag>::from_uuid(self.0).fmt(f)
            }
        }

        /// sea-orm requires this of every primary key. No integer converts to an id.
        impl TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    };
}

typed_id!(
    /// Identifies an account.
    UserId, UserTag, "user"
);
typed_id!(
    /// Identifies a session, which one sign-in starts.
    SessionId, SessionTag, "session"
);
typed_id!(
    /// Identifies a book.
    BookId, BookTag, "book"
);
typed_id!(
    /// Identifies an import of a file.
    ImportId, ImportTag, "import"
);

impl BookId {
    /// When the book was created: the time in the id (RFC 9562, section 5.7).
    pub(crate) fn created_at(self) -> clock::Timestamp {
        let millis = self.0.as_u128() >> 80;
        // 48 bits fit.
        clock::Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    /// An id of a book that was created at this time elsewhere. Of the ids of one time, that with the higher position is
    /// the larger. A time before 1970 becomes 1970.
    fn at(time: clock::Timestamp, position: u32, random: u64) -> Self {
        const RANDOM_BITS: u32 = 42;
        const VERSION: u128 = 7 << 76;
        const VARIANT: u128 = 0b10 << 62;
        let (high, low) = (u128::from(position >> 20), u128::from(position & 0xF_FFFF));
        let random = u128::from(random) & ((1 << RANDOM_BITS) - 1);
        let time = Self::first_at(time).0.as_u128() >> 80 << 80;
        Self(Uuid::from_u128(time | VERSION | high << 64 | VARIANT | low << RANDOM_BITS | random))
    }

    /// The smallest id of a book created at this time or later.
    pub(crate) fn first_at(time: clock::Timestamp) -> Self {
        const MAX_MILLIS: u128 = (1 << 48) - 1;
        let millis = u128::try_from(time.as_millis()).unwrap_or(0);
        if millis > MAX_MILLIS {
            return Self(Uuid::max());
        }
        Self(Uuid::from_u128(millis << 80))
    }
}

/// Generates ids that increase with the clock, also within one millisecond.
#[derive(Debug)]
pub(crate) struct IdGenerator {
    clock: Clock,
    context: Mutex<ContextV7>,
}

impl IdGenerator {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, context: Mutex::new(ContextV7::new()) }
    }

    /// A new id of a book that was created at this time elsewhere. See [`BookId::at`].
    pub(crate) fn book_at(&self, time: clock::Timestamp, position: u32) -> BookId {
        let unique: Uuid = self.next();
        // The lowest bits are random.
        BookId::at(time, position, unique.as_u64_pair().1)
    }

    /// A new, unique id: a UUIDv7 (RFC 9562, section 5.7).
    pub(crate) fn next<Id: From<Uuid>>(&self) -> Id {
        let millis = self.clock.now().as_millis().unsigned_abs();
        let nanos = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
        let context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(Timestamp::from_unix(&*context, millis / 1000, nanos)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_invalid_ids_are_rejected() {
        let ids = IdGenerator::new(Clock::system());
        let book: BookId = ids.next();
        let text = book.to_string();
        assert!(text.starts_with("book_") && text.len() == 31, "{text}");
        assert_eq!(BookId::parse(&text), Some(book));
        assert_eq!(UserId::parse(&text), None);
        for wrong in
            ["", "book_", "book_zzz", "book", "42", &text.to_uppercase(), &format!("{text}0")]
        {
            assert_eq!(BookId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_book_id_contains_the_time_of_its_creation() {
        let now = clock::Timestamp::from_millis(1_774_602_900_123);
        let book: BookId = IdGenerator::new(Clock::manual(now)).next();
        assert_eq!(book.created_at(), now);
        assert!(BookId::first_at(now) <= book);
        assert!(book < BookId::first_at(now + std::time::Duration::from_millis(1)));
        for (millis, first) in [(-1, Uuid::nil()), (0, Uuid::nil()), (i64::MAX, Uuid::max())] {
            let time = clock::Timestamp::from_millis(millis);
            assert_eq!(BookId::first_at(time), first.into(), "{millis}");
        }
    }

    #[test]
    fn ids_of_one_time_are_ordered_by_position() {
        let time = clock::Timestamp::from_millis(1_774_602_900_123);
        let positions = [0, 1, 0xF_FFFF, 0x10_0000, 0x1234_5678, u32::MAX];
        for random in [0, u64::MAX] {
            let ids = positions.map(|position| BookId::at(time, position, random));
            assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
            for id in ids {
                assert_eq!(id.created_at(), time);
                assert_eq!(
                    (id.0.get_version_num(), id.0.get_variant()),
                    (7, uuid::Variant::RFC4122)
                );
                assert_eq!(BookId::parse(&id.to_string()), Some(id));
            }
        }
        assert_ne!(BookId::at(time, 1, 1), BookId::at(time, 1, 2));
        let before = clock::Timestamp::from_millis(-1);
        assert_eq!(BookId::at(before, 0, 0).created_at(), clock::Timestamp::from_millis(0));
    }

    #[test]
    fn ids_generated_within_one_millisecond_are_increasing() {
        let ids = IdGenerator::new(Clock::manual(clock::Timestamp::from_millis(1_774_602_900_000)));
        let made: Vec<BookId> = (0..1000).map(|_| ids.next()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
    }
}
