//! Who is calling.

use async_graphql::{Context, Object};

use crate::auth::identity::Identity;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Nullable;
use crate::graphql::types::user::User;

#[derive(Debug, Default)]
pub(super) struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// The account that is calling; null when nobody is signed in. A token that is no longer good
    /// is an error here as everywhere, so that clients refresh it.
    async fn viewer(&self, ctx: &Context<'_>) -> Nullable<User> {
        match ctx.identity() {
            Identity::Anonymous => None,
            Identity::User(_) | Identity::Invalid(_) => {
                Some(ctx.viewer().map(|viewer| User(viewer.user)))
            }
        }
    }
}
