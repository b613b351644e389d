//! The caller of a request.

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::store::books::Book;
use crate::store::imports::ImportJob;
use crate::store::sessions::Session;

/// The result of authenticating a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The request has no token.
    Anonymous,
    User(Viewer),
    /// The request has an invalid token. This is an error only for a field that needs a viewer:
    /// clients may send an expired token with `refreshToken` too.
    Invalid(AuthFailure),
}

/// Why a field that needs a viewer has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    TokenMissing,
    TokenExpired,
    TokenInvalid,
    /// The `Authorization` header does not have the form `Bearer <token>`.
    NotBearer,
    SessionEnded,
}

impl AuthFailure {
    /// The value of `extensions.reason` in errors.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::TokenMissing => "TOKEN_MISSING",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::TokenInvalid | Self::NotBearer => "TOKEN_INVALID",
            Self::SessionEnded => "SESSION_ENDED",
        }
    }
}

/// A signed-in user, with the session of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Viewer {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    /// When the access token expires.
    pub(crate) token_expires_at: Timestamp,
}

impl Viewer {
    /// The only owner check. Objects of other users are reported as not found.
    pub(crate) fn owns(&self, object: &impl Owned) -> bool {
        object.owner() == self.user
    }
}

/// An object that belongs to an account.
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

impl Owned for ImportJob {
    fn owner(&self) -> UserId {
        self.owner_id
    }
}

/// An account owns itself.
impl Owned for UserId {
    fn owner(&self) -> UserId {
        *self
    }
}
