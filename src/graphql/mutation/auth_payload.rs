//! What whoever signs in gets.

use async_graphql::{Context, SimpleObject};

use crate::auth::IssuedTokens;
use crate::graphql::context::{ContextExt, CookieUpdate};
use crate::graphql::scalars::DateTime;
use crate::graphql::types::user::User;
use crate::graphql::types::user_error::{InputErrors, UserError};

/// Tokens for whoever has signed in.
#[derive(Debug, Default, SimpleObject)]
pub(super) struct AuthPayload {
    /// To be sent as `Authorization: Bearer …`; null when sign-in was refused.
    access_token: Option<String>,
    /// When the access token expires; refresh before that. Null when sign-in was refused.
    access_token_expires_at: Option<DateTime>,
    /// To be shown to `refreshToken`, once. Null when the token went into a cookie, and when
    /// sign-in was refused.
    refresh_token: Option<String>,
    /// When the refresh token expires; null when sign-in was refused.
    refresh_token_expires_at: Option<DateTime>,
    /// Who has signed in; null when sign-in was refused.
    user: Option<User>,
    /// Why sign-in was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

impl AuthPayload {
    pub(super) fn refused(form: InputErrors) -> Self {
        Self { user_errors: form.into_errors(), ..Self::default() }
    }

    pub(super) fn refused_for(error: UserError) -> Self {
        Self { user_errors: vec![error], ..Self::default() }
    }

    /// Whoever has signed in, with the refresh token where the client wants it.
    pub(super) async fn of(ctx: &Context<'_>, signed_in: IssuedTokens, in_cookie: bool) -> Self {
        let token = signed_in.refresh_token;
        let expires_at = signed_in.refresh_token_expires_at;
        let refresh_token = (!in_cookie).then(|| token.expose().to_owned());
        if in_cookie {
            ctx.client().change_cookie(CookieUpdate::Set { token, expires_at });
        }
        let user = User(signed_in.user.id);
        ctx.loaders().prime_user(signed_in.user.into()).await;
        Self {
            access_token: Some(signed_in.access_token),
            access_token_expires_at: Some(DateTime(signed_in.access_token_expires_at)),
            refresh_token,
            refresh_token_expires_at: Some(DateTime(expires_at)),
            user: Some(user),
            user_errors: Vec::new(),
        }
    }
}
