//! Who is calling.

use async_graphql::{Context, Object};

use crate::auth::identity::Identity;
use crate::graphql::context::Doors;
use crate::graphql::error::{Nullable, Result};
use crate::graphql::types::user::User;
use crate::store::StoreError;

#[derive(Debug, Default)]
pub(super) struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// The account that is calling; null when nobody is signed in. A token that is no longer good
    /// is an error here as everywhere, so that clients refresh it.
    async fn viewer(&self, ctx: &Context<'_>) -> Nullable<User> {
        match ctx.identity() {
            Identity::Anonymous => None,
            Identity::User(_) | Identity::Rejected(_) => Some(signed_in_user(ctx).await),
        }
    }
}

async fn signed_in_user(ctx: &Context<'_>) -> Result<User> {
    let user = ctx.loaders().user(ctx.viewer()?.user).await?;
    user.map(User).ok_or_else(|| StoreError::AccountGone.into())
}
