//! Sessions.

use async_graphql::{Context, ID, Object};

use crate::auth::identity::Identity;
use crate::graphql::context::ContextExt;
use crate::graphql::scalars::DateTime;
use crate::store::sessions;

#[derive(Clone, Debug)]
pub(crate) struct Session(pub(crate) sessions::Session);

/// A session of an account: one sign-in on one device.
#[Object]
impl Session {
    /// Id of the session, for `revokeSession` and `node`.
    pub(super) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The `User-Agent` header of the sign-in, up to 255 characters; null if the client sent none.
    async fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// When the session started.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When tokens were last issued: at sign-in, and with each `refreshToken`.
    async fn last_used_at(&self) -> DateTime {
        DateTime(self.0.last_used_at)
    }

    /// Whether this request was made in this session.
    async fn current(&self, ctx: &Context<'_>) -> bool {
        matches!(ctx.identity(), Identity::User(viewer) if viewer.session == self.0.id)
    }
}
