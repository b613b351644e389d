//! Security events of accounts: sign-ins, failed sign-ins, ended sessions. They are structured log events
//! with the address of the client and without secrets (OWASP ASVS 5.0, chapter 16).

use async_graphql::Context;

use super::context::ContextExt;
use crate::id::{SessionId, UserId};

/// A security event of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecurityEvent {
    Registered,
    SignedIn,
    /// A sign-in with a wrong password, or for an account that does not exist.
    SignInFailed,
    /// A wrong password from a user who is signed in.
    PasswordRejected,
    /// Too many wrong passwords recently: this one was not verified.
    SignInThrottled,
    /// A refresh token was reused after the grace period. It counts as stolen, and its session was ended.
    RefreshTokenReused,
    PasswordChanged,
    EmailChanged,
    SessionEnded,
    AllSessionsEnded,
    AccountDeleted,
}

impl SecurityEvent {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::PasswordRejected => "password_rejected",
            Self::SignInThrottled => "sign_in_throttled",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::SessionEnded => "session_ended",
            Self::AllSessionsEnded => "all_sessions_ended",
            Self::AccountDeleted => "account_deleted",
        }
    }

    const fn is_suspicious(self) -> bool {
        matches!(
            self,
            Self::SignInFailed
                | Self::PasswordRejected
                | Self::SignInThrottled
                | Self::RefreshTokenReused
        )
    }

    /// Logs the event: a suspicious one as a warning, any other as information.
    pub(super) fn log(self, ctx: &Context<'_>, user: Option<UserId>, session: Option<SessionId>) {
        macro_rules! event {
            ($level:ident) => {
                tracing::$level!(
                    target: "bookshelf::security",
                    event = self.as_str(),
                    user = user.map(tracing::field::display),
                    session = session.map(tracing::field::display),
                    address = %ctx.client().address,
                    request_id = ctx.request_id(),
                    "security"
                )
            };
        }
        if self.is_suspicious() { event!(warn) } else { event!(info) }
    }
}
