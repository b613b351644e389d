//! The payload of mutations that sign in.

use async_graphql::{Context, SimpleObject};

use crate::auth::IssuedTokens;
use crate::graphql::context::{ContextExt, CookieUpdate};
use crate::graphql::scalars::DateTime;
use crate::graphql::types::user::User;
use crate::graphql::types::user_error::{InputErrors, UserError};

/// The result of a mutation that signs in or refreshes tokens.
#[derive(Debug, Default, SimpleObject)]
pub(super) struct AuthPayload {
    /// The token to send as `Authorization: Bearer …`; null if there are errors.
    access_token: Option<String>,
    /// When the access token expires; refresh it before that. Null if there are errors.
    access_token_expires_at: Option<DateTime>,
    /// The token for the next call of `refreshToken`. Null if it was sent in a cookie, or if there are
    /// errors.
    refresh_token: Option<String>,
    /// When the refresh token expires; null if there are errors.
    refresh_token_expires_at: Option<DateTime>,
    /// The account that signed in; null if there are errors.
    user: Option<User>,
    /// Why the sign-in was rejected; empty on success.
    user_errors: Vec<UserError>,
}

impl AuthPayload {
    pub(super) fn rejected(errors: InputErrors) -> Self {
        Self { user_errors: errors.into_errors(), ..Self::default() }
    }

    pub(super) fn rejected_with(error: UserError) -> Self {
        Self { user_errors: vec![error], ..Self::default() }
    }

    /// The payload of a sign-in. `in_cookie` puts the refresh token into a cookie instead.
    pub(super) async fn from_tokens(
        ctx: &Context<'_>,
        tokens: IssuedTokens,
        in_cookie: bool,
    ) -> Self {
        let token = tokens.refresh_token;
        let expires_at = tokens.refresh_token_expires_at;
        let refresh_token = (!in_cookie).then(|| token.expose().to_owned());
        if in_cookie {
            ctx.client().change_cookie(CookieUpdate::Set { token, expires_at });
        }
        let user = User(tokens.user.id);
        ctx.loaders().prime_user(tokens.user.into()).await;
        Self {
            access_token: Some(tokens.access_token),
            access_token_expires_at: Some(DateTime(tokens.access_token_expires_at)),
            refresh_token,
            refresh_token_expires_at: Some(DateTime(expires_at)),
            user: Some(user),
            user_errors: Vec::new(),
        }
    }
}
