//! The account of the viewer.

use async_graphql::{Context, Object};

use crate::auth::identity::Identity;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Nullable;
use crate::graphql::types::user::User;

#[derive(Debug, Default)]
pub(super) struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// The account of the authenticated user; null if the request has no token. An invalid or expired
    /// token is an error, as for every field that needs a viewer, so that clients refresh it.
    async fn viewer(&self, ctx: &Context<'_>) -> Nullable<User> {
        match ctx.identity() {
            Identity::Anonymous => None,
            Identity::User(_) | Identity::Invalid(_) => {
                Some(ctx.viewer().map(|viewer| User(viewer.user)))
            }
        }
    }
}
