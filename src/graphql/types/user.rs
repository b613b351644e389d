//! Accounts.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use super::book_filter::{BookFilter, BookOrder};
use super::session::Session;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::scalars::DateTime;
use crate::graphql::types::connection::{BookConnection, ConnectionArgs};
use crate::id::UserId;
use crate::store::StoreError;
use crate::store::users::Profile;

/// Maximum number of listed sessions.
const SESSIONS: u64 = 100;

/// Always the account of the viewer, or the account that has just signed in. No client can reach another
/// account, so the fields check nothing more. The profile is read when a field needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User(pub(crate) UserId);

impl User {
    /// Whether a field of an account is read with its profile. The others are the id, which is known, and lists.
    pub(super) fn needs_profile(field: &str) -> bool {
        !matches!(field, "__typename" | "id" | "books" | "sessions")
    }

    async fn profile(self, ctx: &Context<'_>) -> Result<Arc<Profile>> {
        let profile = ctx.loaders().user(self.0).await?;
        profile.ok_or_else(|| StoreError::UserDeleted.into())
    }
}

/// An account. A client can only read its own.
#[Object]
impl User {
    /// Id of the account, for `node` and client caches.
    pub(super) async fn id(&self) -> ID {
        self.0.into()
    }

    /// The username as typed; unique regardless of case.
    async fn username(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.profile(ctx).await?.username.clone())
    }

    /// The email address as typed; unique regardless of case and of the spelling of its domain.
    async fn email(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.profile(ctx).await?.email.clone())
    }

    /// When the account was registered.
    async fn created_at(&self, ctx: &Context<'_>) -> Result<DateTime> {
        Ok(DateTime(self.profile(ctx).await?.created_at))
    }

    /// The books of this account; by default the newest first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn books(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of books from the start, 1 to 100; 20 if first and last are not given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only books after this cursor.")] after: Option<String>,
        #[graphql(desc = "Number of books from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only books before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only books that match this filter.")] filter: Option<BookFilter>,
        #[graphql(desc = "The order of the books; newest first if absent or null.")]
        order_by: Option<BookOrder>,
    ) -> Result<BookConnection> {
        let arguments = ConnectionArgs { first, after, last, before };
        BookConnection::load(ctx, self.0, arguments, filter, order_by).await
    }

    /// The active sessions of this account, newest first, at most 100.
    async fn sessions(&self, ctx: &Context<'_>) -> Result<Vec<Session>> {
        let sessions = ctx.store().sessions().list(self.0, ctx.now(), SESSIONS).await?;
        Ok(sessions.into_iter().map(Session).collect())
    }
}
