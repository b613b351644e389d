//! The caller of a request.

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::store::books::Book;
use crate::store::sessions::Session;

/// Who is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Nobody in particular.
    Anonymous,
    User(Viewer),
    /// A token came along that is good for nothing. Not an error until somebody needs a viewer:
    /// clients send a stale token with `refreshToken` too.
    Invalid(AuthFailure),
}

/// Why a field that needs a viewer has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    TokenMissing,
    TokenExpired,
    TokenInvalid,
    SessionEnded,
}

/// Somebody who is signed in, in one of their sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Viewer {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    /// When the access token expires.
    pub(crate) until: Timestamp,
}

impl Viewer {
    /// The one owner check: what is not the viewer's does not exist for them.
    pub(crate) fn owns(&self, it: &impl Owned) -> bool {
        it.owner() == self.user
    }
}

/// What belongs to an account.
pub(crate) trait Owned {
    fn owner(&self) -> UserId;
}

impl Owned for Book {
    fn owner(&self) -> UserId {
        self.owner_id
    }
}

impl Owned for Session {
    fn owner(&self) -> UserId {
        self.user_id
    }
}

/// People own themselves.
impl Owned for UserId {
    fn owner(&self) -> UserId {
        *self
    }
}
