//! Events: committed changes that subscribers are interested in, and their text for other instances.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::id::{BookId, SessionId, UserId};

/// A committed change that subscribers are interested in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    BookChanged(BookChange),
    /// Many books of this account have changed, for which there are no single events.
    LibraryChanged(UserId),
    SessionEnded(SessionId),
}

/// A change of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BookChange {
    pub(crate) owner: UserId,
    pub(crate) book: BookId,
    pub(crate) kind: ChangeKind,
}

/// The kind of a change of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Created,
    /// The book has this version after the change.
    Updated(i32),
    Deleted,
}

impl ChangeKind {
    /// Increases with every change of the same book.
    pub(super) fn order(self) -> i32 {
        match self {
            Self::Created => 1,
            Self::Updated(version) => version,
            Self::Deleted => i32::MAX,
        }
    }
}

/// The wire format: one line.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BookChanged(BookChange { owner, book, kind }) => {
                let (owner, book) = (Uuid::from(*owner).simple(), Uuid::from(*book).simple());
                match kind {
                    ChangeKind::Created => write!(f, "created {owner} {book}"),
                    ChangeKind::Updated(version) => write!(f, "updated {owner} {book} {version}"),
                    ChangeKind::Deleted => write!(f, "deleted {owner} {book}"),
                }
            }
            Self::LibraryChanged(owner) => write!(f, "library {}", Uuid::from(*owner).simple()),
            Self::SessionEnded(session) => write!(f, "ended {}", Uuid::from(*session).simple()),
        }
    }
}

/// A line that cannot be parsed, perhaps from a newer version of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid event")]
pub(crate) struct ParseEventError;

impl FromStr for Event {
    type Err = ParseEventError;

    fn from_str(line: &str) -> Result<Self, ParseEventError> {
        fn id<Id: From<Uuid>>(text: &str) -> Result<Id, ParseEventError> {
            Uuid::try_parse(text).map(Id::from).map_err(|_| ParseEventError)
        }
        let words: Vec<&str> = line.split(' ').collect();
        let (owner, book, kind) = match words[..] {
            ["ended", session] => return Ok(Self::SessionEnded(id(session)?)),
            ["library", owner] => return Ok(Self::LibraryChanged(id(owner)?)),
            ["created", owner, book] => (owner, book, ChangeKind::Created),
            ["updated", owner, book, version] => {
                (owner, book, ChangeKind::Updated(version.parse().map_err(|_| ParseEventError)?))
            }
            ["deleted", owner, book] => (owner, book, ChangeKind::Deleted),
            _ => return Err(ParseEventError),
        };
        Ok(Self::BookChanged(BookChange { owner: id(owner)?, book: id(book)?, kind }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::id::IdGenerator;

    fn change(owner: UserId, book: BookId, kind: ChangeKind) -> Event {
        Event::BookChanged(BookChange { owner, book, kind })
    }

    #[test]
    fn events_round_trip_as_text() {
        let ids = IdGenerator::new(Clock::system());
        let (owner, book) = (ids.next(), ids.next());
        for event in [
            change(owner, book, ChangeKind::Created),
            change(owner, book, ChangeKind::Updated(i32::MAX)),
            change(owner, book, ChangeKind::Deleted),
            Event::LibraryChanged(owner),
            Event::SessionEnded(ids.next()),
        ] {
            let line = event.to_string();
            assert_eq!(line.parse(), Ok(event));
            assert!(line.len() < 90, "{line}");
        }
        for nonsense in ["", "created", "ended 1", "renamed a b"] {
            assert_eq!(nonsense.parse::<Event>(), Err(ParseEventError));
        }
    }
}
