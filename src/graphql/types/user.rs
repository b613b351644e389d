//! Accounts.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use super::book_filter::{BookFilter, BookOrder};
use super::session::Session;
use crate::graphql::connection::{BookConnection, ConnectionArgs};
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::scalars::DateTime;
use crate::id::UserId;
use crate::store::StoreError;
use crate::store::users::Profile;

/// The most sessions that are listed.
const SESSIONS: u64 = 100;

/// Always the caller, or whoever has just signed in: nobody is given anybody else's account, which
/// is why its fields ask no further. Its profile is read when a field needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User(pub(crate) UserId);

impl User {
    async fn profile(self, ctx: &Context<'_>) -> Result<Arc<Profile>> {
        let profile = ctx.loaders().user(self.0).await?;
        profile.ok_or_else(|| StoreError::UserDeleted.into())
    }
}

/// An account. You only ever see your own.
#[Object]
impl User {
    /// Names this account, in `node` and in caches.
    pub(super) async fn id(&self) -> ID {
        self.0.into()
    }

    /// As typed; unique regardless of case.
    async fn username(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.profile(ctx).await?.username.clone())
    }

    /// As typed; unique regardless of case.
    async fn email(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.profile(ctx).await?.email.clone())
    }

    /// When the account was registered.
    async fn created_at(&self, ctx: &Context<'_>) -> Result<DateTime> {
        Ok(DateTime(self.profile(ctx).await?.created_at))
    }

    /// The books of this account, newest first unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn books(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many from the start, 1 to 100; 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only books after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only books before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which books.")] filter: Option<BookFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<BookOrder>,
    ) -> Result<BookConnection> {
        let window = ConnectionArgs { first, after, last, before };
        BookConnection::load(ctx, self.0, window, filter, order_by).await
    }

    /// Where this account is signed in, newest first, up to 100.
    async fn sessions(&self, ctx: &Context<'_>) -> Result<Vec<Session>> {
        let sessions = ctx.store().sessions().of_user(self.0, ctx.now(), SESSIONS).await?;
        Ok(sessions.into_iter().map(Session).collect())
    }
}
