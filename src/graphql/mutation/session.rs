//! Mutations of sessions: sign-in, refresh, sign-out.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use secrecy::{ExposeSecret, SecretString};

use super::auth_payload::AuthPayload;
use crate::auth::RefreshOutcome;
use crate::auth::refresh_token::RefreshToken;
use crate::auth::verify_password::VerifyError;
use crate::graphql::audit_log::SecurityEvent;
use crate::graphql::context::{ContextExt, CookieUpdate};
use crate::graphql::error::Result;
use crate::graphql::types::user_error::{UserError, UserErrorCode};
use crate::id::{SessionId, UserId};
use crate::input::email::Email;
use crate::store::failed_logins::Purpose;
use crate::store::users::User;

#[derive(Debug, Default)]
pub(super) struct SessionMutation;

/// The credentials of an account.
#[derive(Debug, InputObject)]
struct LoginInput {
    /// The email address of the account, regardless of case. Its domain may be in Unicode or in
    /// Punycode.
    email: String,
    /// The password of the account.
    password: SecretString,
}

/// The refresh token to exchange.
#[derive(Debug, InputObject)]
struct RefreshTokenInput {
    /// The latest `refreshToken` that was issued in this session.
    refresh_token: SecretString,
}

/// The result of `logout`.
#[derive(Debug, SimpleObject)]
struct LogoutPayload {
    /// Number of sessions that were ended.
    revoked_sessions: i32,
    /// Always empty: `logout` has no input that can be invalid.
    user_errors: Vec<UserError>,
}

/// The result of `revokeSession`.
#[derive(Debug, Default, SimpleObject)]
struct RevokeSessionPayload {
    /// Id of the ended session; null if no session was ended.
    revoked_session_id: Option<ID>,
    /// Why no session was ended; empty on success.
    user_errors: Vec<UserError>,
}

#[Object]
impl SessionMutation {
    /// Signs in. The response to an unknown email address is the same as to a wrong password, and
    /// takes the same time.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credentials of the account.")] input: LoginInput,
    ) -> Result<AuthPayload> {
        let email = Email::parse(&input.email).ok();
        // Tries again once if the hash was changed while the password was verified against it.
        for _ in 0..2 {
            let user = match &email {
                Some(email) => ctx.store().users().find_by_email(email).await?,
                None => None,
            };
            let right =
                verify_credentials(ctx, email.as_ref(), user.as_ref(), &input.password).await?;
            let Some(user) = user.filter(|_| right) else { break };
            let user = rehash_if_outdated(ctx, user, &input.password).await?;
            let user_agent = ctx.client().user_agent.as_deref();
            if let Some(signed_in) = ctx.auth().open_session(user, user_agent).await? {
                let (user, session) = (signed_in.user.id, signed_in.session);
                SecurityEvent::SignedIn.log(ctx, Some(user), Some(session));
                for ended in &signed_in.ended_sessions {
                    SecurityEvent::SessionEnded.log(ctx, Some(user), Some(*ended));
                }
                return Ok(AuthPayload::from_tokens(ctx, signed_in, ctx.client().cookie_mode).await);
            }
        }
        let message = "Wrong email address or password.";
        let error = UserError::new(UserErrorCode::InvalidCredentials, &[], message);
        Ok(AuthPayload::rejected_with(error))
    }

    /// Exchanges a refresh token for a new one and a new access token. Without `input`, the refresh
    /// token is read from its cookie, and the new one is set in that cookie.
    async fn refresh_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token to exchange; if absent or null, the one in the cookie.")]
        input: Option<RefreshTokenInput>,
    ) -> Result<AuthPayload> {
        let client = ctx.client();
        let (token, path, in_cookie): (_, &[&str], _) = match input {
            Some(input) => {
                let token = RefreshToken::from_presented(input.refresh_token.expose_secret());
                (Some(token), &["input", "refreshToken"], client.cookie_mode)
            }
            None => (client.cookie.clone(), &[], true),
        };
        if let Some(token) = token {
            match ctx.auth().refresh(&token).await? {
                RefreshOutcome::Rotated(signed_in) => {
                    return Ok(AuthPayload::from_tokens(ctx, *signed_in, in_cookie).await);
                }
                RefreshOutcome::Reused { user, session } => {
                    SecurityEvent::RefreshTokenReused.log(ctx, Some(user), Some(session));
                }
                RefreshOutcome::Invalid => {}
            }
        }
        ctx.charge_failed_refresh()?;
        if client.cookie.is_some() && in_cookie {
            client.change_cookie(CookieUpdate::Clear);
        }
        let message = "This session has ended; please sign in again.";
        let error = UserError::new(UserErrorCode::RefreshTokenInvalid, path, message);
        Ok(AuthPayload::rejected_with(error))
    }

    /// Ends this session, or all sessions of the account. With the header `Cookie-Mode: refresh`, it also
    /// ends the session of the cookie and clears the cookie, even if the access token has expired.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whether to end all sessions of the account.", default = false)]
        everywhere: bool,
    ) -> Result<LogoutPayload> {
        let client = ctx.client();
        let cookie = client.cookie.as_ref().filter(|_| client.cookie_mode);
        let mut sessions: Vec<(UserId, SessionId)> = match ctx.viewer() {
            Ok(viewer) => vec![(viewer.user, viewer.session)],
            Err(_) if cookie.is_some() => Vec::new(),
            Err(failure) => return Err(failure),
        };
        if let Some(token) = cookie
            && let Some(session) = ctx.auth().find_session(token).await?
            && !sessions.contains(&session)
        {
            sessions.push(session);
        }
        let mut revoked = 0;
        for (user, session) in sessions {
            revoked += end_sessions(ctx, user, session, everywhere).await?;
        }
        if client.cookie.is_some() || client.cookie_mode {
            client.change_cookie(CookieUpdate::Clear);
        }
        let revoked_sessions = i32::try_from(revoked).unwrap_or(i32::MAX);
        Ok(LogoutPayload { revoked_sessions, user_errors: Vec::new() })
    }

    /// Ends one session of the viewer's account.
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of one of the viewer's sessions.")] id: ID,
    ) -> Result<RevokeSessionPayload> {
        let viewer = ctx.viewer()?;
        if let Some(session) = SessionId::parse(&id)
            && ctx.auth().end_session(viewer.user, session).await?
        {
            SecurityEvent::SessionEnded.log(ctx, Some(viewer.user), Some(session));
            return Ok(RevokeSessionPayload {
                revoked_session_id: Some(id),
                user_errors: Vec::new(),
            });
        }
        let user_errors = vec![UserError::not_found("session")];
        Ok(RevokeSessionPayload { revoked_session_id: None, user_errors })
    }
}

/// Ends a session, or all sessions of its account, and logs it. Returns the number of sessions.
async fn end_sessions(
    ctx: &Context<'_>,
    user: UserId,
    session: SessionId,
    everywhere: bool,
) -> Result<usize> {
    if everywhere {
        let ended = ctx.auth().end_all_sessions(user).await?;
        SecurityEvent::AllSessionsEnded.log(ctx, Some(user), None);
        return Ok(ended);
    }
    let ended = ctx.auth().end_session(user, session).await?;
    SecurityEvent::SessionEnded.log(ctx, Some(user), Some(session));
    Ok(usize::from(ended))
}

/// Whether this is the password of the account. Logs a security event if it is not.
async fn verify_credentials(
    ctx: &Context<'_>,
    email: Option<&Email>,
    user: Option<&User>,
    password: &SecretString,
) -> Result<bool> {
    let (caller, id) = (ctx.client().address.network(), user.map(|user| user.id));
    let password = password.expose_secret();
    let right = match email {
        Some(email) => {
            let (auth, key) = (ctx.auth(), email.key());
            auth.verify_password(Purpose::SignIn, caller, &key, user, password).await
        }
        // No account has this address. A dummy hash is verified, so the time is the same.
        None => ctx.passwords().verify(None, password).await.map_err(VerifyError::from),
    };
    match right {
        Ok(false) => SecurityEvent::SignInFailed.log(ctx, id, None),
        Err(VerifyError::Throttled { .. }) => SecurityEvent::SignInThrottled.log(ctx, id, None),
        Ok(true) | Err(_) => {}
    }
    Ok(right?)
}

/// The account with a hash of the configured cost, so that verification takes the same time for every
/// account, and as long as for an unknown one.
async fn rehash_if_outdated(
    ctx: &Context<'_>,
    mut user: User,
    password: &SecretString,
) -> Result<User> {
    if let Some(hash) = ctx.passwords().rehash_if_outdated(&user, password).await?
        && ctx.store().users().rehash(&user, hash.clone()).await?
    {
        user.password_hash = hash;
    }
    Ok(user)
}
