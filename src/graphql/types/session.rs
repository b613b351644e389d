//! Sign-ins.

use async_graphql::{Context, ID, Object};

use crate::auth::identity::Identity;
use crate::graphql::context::ContextExt;
use crate::graphql::scalars::DateTime;
use crate::store::sessions;

#[derive(Clone, Debug)]
pub(crate) struct Session(pub(crate) sessions::Session);

/// One sign-in on one device.
#[Object]
impl Session {
    /// Names this session, in `revokeSession` and in `node`.
    pub(super) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What the client called itself when it signed in; null when it did not say.
    async fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// When somebody signed in.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When tokens were last given out: at sign-in, and with each `refreshToken`.
    async fn last_used_at(&self) -> DateTime {
        DateTime(self.0.last_used_at)
    }

    /// True for the session this request came with.
    async fn current(&self, ctx: &Context<'_>) -> bool {
        matches!(ctx.identity(), Identity::User(viewer) if viewer.session == self.0.id)
    }
}
