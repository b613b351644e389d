//! Mutations of accounts, from registration to deletion.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use secrecy::{ExposeSecret, SecretString};

use super::auth_payload::AuthPayload;
use crate::graphql::audit_log::SecurityEvent;
use crate::graphql::context::{ContextExt, CookieUpdate};
use crate::graphql::error::{ApiError, Result};
use crate::graphql::types::user::User;
use crate::graphql::types::user_error::{InputErrors, UserError, UserErrorCode};
use crate::input::email::Email;
use crate::input::username::Username;
use crate::store::StoreError;
use crate::store::failed_logins::Purpose;
use crate::store::users::{self, NameConflicts, SaveUserOutcome};

#[derive(Debug, Default)]
pub(super) struct AccountMutation;

/// The account to create.
#[derive(Debug, InputObject)]
struct RegisterInput {
    /// 3 to 80 characters: letters and digits of any script, dots, underscores and hyphens. Unique
    /// regardless of case.
    username: String,
    /// The email address, at most 120 characters; unique regardless of case, and of whether its domain
    /// is in Unicode or in Punycode.
    email: String,
    /// At least 8 characters and at most 71 bytes, after Unicode normalization (NFC). Passwords that
    /// attackers try first are rejected.
    password: SecretString,
}

/// Changes to an account. A field that is absent or null is not changed.
#[derive(Debug, InputObject)]
struct UpdateProfileInput {
    /// 3 to 80 characters: letters and digits of any script, dots, underscores and hyphens. Unique
    /// regardless of case.
    username: Option<String>,
    /// The email address, at most 120 characters; unique regardless of case, and of whether its domain
    /// is in Unicode or in Punycode.
    email: Option<String>,
    /// The current password; required to change the email address, and to be told that a username is taken.
    current_password: Option<SecretString>,
}

impl UpdateProfileInput {
    /// Parses the names to change. Records errors of the names and of the password in `form`.
    ///
    /// Another name counts as a registration, whether or not the caller proves the password: the response may tell
    /// whether it belongs to another account.
    async fn parse(
        self,
        ctx: &Context<'_>,
        form: &mut InputErrors,
        user: &users::User,
    ) -> Result<ParsedProfile> {
        let username =
            self.username.and_then(|name| form.check("username", Username::parse(&name)));
        let email = self.email.and_then(|address| form.check("email", Email::parse(&address)));
        let has_new_username = username.as_ref().is_some_and(|it| it.key() != user.username_folded);
        if has_new_username || email.as_ref().is_some_and(|it| it.key() != user.email_folded) {
            ctx.charge_name_check()?;
        }
        let changes_email = email.as_ref().is_some_and(|email| email.as_str() != user.email);
        let mut proved = false;
        if changes_email || self.current_password.is_some() {
            proved =
                check_password(ctx, form, user, "currentPassword", self.current_password).await?;
        }
        Ok(ParsedProfile { username, email, proved })
    }
}

/// The names to change; `None` for those that are kept or not valid.
#[derive(Debug)]
struct ParsedProfile {
    username: Option<Username>,
    email: Option<Email>,
    /// Whether the caller has proved the password.
    proved: bool,
}

/// The result of `updateProfile`.
#[derive(Debug, Default, SimpleObject)]
struct UpdateProfilePayload {
    /// The changed account; null if nothing was changed because of errors.
    user: Option<User>,
    /// Why nothing was changed; empty on success.
    user_errors: Vec<UserError>,
}

impl UpdateProfilePayload {
    fn done(user: &users::User) -> Self {
        Self { user: Some(User(user.id)), user_errors: Vec::new() }
    }
}

/// The current and the new password.
#[derive(Debug, InputObject)]
struct ChangePasswordInput {
    /// The current password.
    current_password: SecretString,
    /// At least 8 characters and at most 71 bytes, after Unicode normalization (NFC). Passwords that
    /// attackers try first are rejected.
    new_password: SecretString,
}

/// Confirmation that the owner deletes the account.
#[derive(Debug, InputObject)]
struct DeleteAccountInput {
    /// The password of the account.
    password: SecretString,
}

/// The result of `deleteAccount`.
#[derive(Debug, Default, SimpleObject)]
struct DeleteAccountPayload {
    /// Id of the deleted account; null if it was not deleted.
    deleted_user_id: Option<ID>,
    /// Why the account was not deleted; empty on success.
    user_errors: Vec<UserError>,
}

#[Object]
impl AccountMutation {
    /// Creates an account and signs in. The error `FORBIDDEN` means that registration is off.
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to create.")] input: RegisterInput,
    ) -> Result<AuthPayload> {
        if !ctx.auth().registration {
            return Err(ApiError::RegistrationOff);
        }
        let mut form = InputErrors::default();
        let username = form.check("username", Username::parse(&input.username));
        let email = form.check("email", Email::parse(&input.email));
        let names = [username.as_ref().map(Username::as_str), email.as_ref().map(Email::as_str)];
        let hints = names.into_iter().flatten().map(str::to_owned).collect();
        let password = ctx.passwords().parse(input.password, hints).await?;
        let password = form.check("password", password);
        let (Some(username), Some(email), Some(password)) = (&username, &email, password) else {
            // Names that are taken are reported too: a form receives all its errors at once.
            let taken = ctx.store().users().taken(username.as_ref(), email.as_ref(), None).await?;
            add_conflicts(&mut form, taken);
            return Ok(AuthPayload::rejected(form));
        };
        let hash = ctx.passwords().hash(password).await?;
        let user_agent = ctx.client().user_agent.as_deref();
        match ctx.auth().register(username, email, hash, user_agent).await? {
            Ok(signed_in) => {
                let (user, session) = (signed_in.user.id, signed_in.session);
                SecurityEvent::Registered.log(ctx, Some(user), Some(session));
                Ok(AuthPayload::from_tokens(ctx, signed_in, ctx.client().cookie_mode).await)
            }
            Err(taken) => {
                add_conflicts(&mut form, taken);
                Ok(AuthPayload::rejected(form))
            }
        }
    }

    /// Changes the username or the email address. A new email address requires the password. Other names than the
    /// account's own count as registrations.
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: UpdateProfileInput,
    ) -> Result<UpdateProfilePayload> {
        let user = current_user(ctx).await?;
        let mut form = InputErrors::default();
        let parsed = input.parse(ctx, &mut form, &user).await?;
        let (store, names) =
            (ctx.store().users(), (parsed.username.as_ref(), parsed.email.as_ref()));
        let renamed = if form.is_empty() {
            store.rename(&user, names.0, names.1).await?
        } else if parsed.proved {
            let taken = store.taken(names.0, names.1, Some(user.id)).await?;
            Some(SaveUserOutcome::NameConflicts(taken))
        } else {
            Some(SaveUserOutcome::NameConflicts(NameConflicts::default()))
        };
        match renamed {
            None => Err(StoreError::UserDeleted.into()),
            Some(SaveUserOutcome::Done(renamed)) => {
                if renamed.email != user.email {
                    SecurityEvent::EmailChanged.log(ctx, Some(user.id), None);
                }
                let payload = UpdateProfilePayload::done(&renamed);
                ctx.loaders().prime_user(renamed.into()).await;
                Ok(payload)
            }
            Some(SaveUserOutcome::NameConflicts(taken)) => {
                if parsed.proved {
                    add_conflicts(&mut form, taken);
                } else if form.is_empty() {
                    // A free username needs no password. That this one is taken is told only with it.
                    require_password(&mut form, "currentPassword");
                }
                Ok(UpdateProfilePayload { user: None, user_errors: form.into_errors() })
            }
        }
    }

    /// Sets a new password, ends all sessions and signs in again.
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The current and the new password.")] input: ChangePasswordInput,
    ) -> Result<AuthPayload> {
        let user = current_user(ctx).await?;
        let mut form = InputErrors::default();
        let hints = vec![user.username.clone(), user.email.clone()];
        let new = ctx.passwords().parse(input.new_password, hints).await?;
        let new = form.check("newPassword", new);
        let current = Some(input.current_password);
        check_password(ctx, &mut form, &user, "currentPassword", current).await?;
        let Some(new) = new.filter(|_| form.is_empty()) else {
            return Ok(AuthPayload::rejected(form));
        };
        let hash = ctx.passwords().hash(new).await?;
        let client = ctx.client();
        let changed = ctx.auth().change_password(user, hash, client.user_agent.as_deref()).await?;
        let Some(signed_in) = changed else {
            form.add("currentPassword", UserErrorCode::InvalidCredentials, WRONG_PASSWORD);
            return Ok(AuthPayload::rejected(form));
        };
        let (id, session) = (signed_in.user.id, signed_in.session);
        SecurityEvent::PasswordChanged.log(ctx, Some(id), Some(session));
        // A client that sent its token in a cookie receives the next one in a cookie too.
        let in_cookie = client.cookie_mode || client.cookie.is_some();
        Ok(AuthPayload::from_tokens(ctx, signed_in, in_cookie).await)
    }

    /// Permanently deletes the account and everything that it owns.
    async fn delete_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The confirmation.")] input: DeleteAccountInput,
    ) -> Result<DeleteAccountPayload> {
        let user = current_user(ctx).await?;
        let mut form = InputErrors::default();
        check_password(ctx, &mut form, &user, "password", Some(input.password)).await?;
        if form.is_empty() && !ctx.auth().delete_account(&user).await? {
            form.add("password", UserErrorCode::InvalidCredentials, WRONG_PASSWORD);
        }
        if !form.is_empty() {
            return Ok(DeleteAccountPayload {
                deleted_user_id: None,
                user_errors: form.into_errors(),
            });
        }
        if ctx.client().cookie.is_some() {
            ctx.client().change_cookie(CookieUpdate::Clear);
        }
        SecurityEvent::AccountDeleted.log(ctx, Some(user.id), None);
        Ok(DeleteAccountPayload { deleted_user_id: Some(user.id.into()), user_errors: Vec::new() })
    }
}

/// The viewer's account, with the data that sign-in needs.
async fn current_user(ctx: &Context<'_>) -> Result<users::User> {
    let account = ctx.store().users().find(ctx.viewer()?.user).await?;
    account.ok_or_else(|| StoreError::UserDeleted.into())
}

const WRONG_PASSWORD: &str = "The password is wrong.";

fn require_password(form: &mut InputErrors, field: &str) {
    form.add(field, UserErrorCode::Required, "Please enter your password.");
}

/// Whether this is the user's password. Records an error in the form if it is not.
async fn check_password(
    ctx: &Context<'_>,
    form: &mut InputErrors,
    user: &users::User,
    field: &str,
    password: Option<SecretString>,
) -> Result<bool> {
    let Some(password) = password else {
        require_password(form, field);
        return Ok(false);
    };
    let (caller, password) = (ctx.client().address.network(), password.expose_secret());
    let key = &user.email_folded;
    let auth = ctx.auth();
    if !auth.verify_password(Purpose::Proof, caller, key, Some(user), password).await? {
        SecurityEvent::PasswordRejected.log(ctx, Some(user.id), None);
        form.add(field, UserErrorCode::InvalidCredentials, WRONG_PASSWORD);
        return Ok(false);
    }
    Ok(true)
}

fn add_conflicts(form: &mut InputErrors, taken: NameConflicts) {
    if taken.username {
        let message = "This username belongs to another account.";
        form.add("username", UserErrorCode::UsernameTaken, message);
    }
    if taken.email {
        let message = "This email address belongs to another account.";
        form.add("email", UserErrorCode::EmailTaken, message);
    }
}
