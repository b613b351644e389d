//! Authentication: passwords, access tokens and sessions.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::id::{IdGenerator, SessionId, UserId};
use crate::input::email::Email;
use crate::input::username::Username;
use crate::store::sessions::{NewSession, NewToken, Rotation, TokenLifetimes};
use crate::store::users::{NameConflicts, PasswordHash, SaveUserOutcome, User};
use crate::store::{Store, StoreError};

pub(crate) mod access_token;
mod guess_limits;
pub(crate) mod identity;
pub(crate) mod passwords;
pub(crate) mod refresh_token;
mod secrets;
mod session_cache;
pub(crate) mod verify_password;

use access_token::AccessTokens;
use guess_limits::GuessLimits;
use identity::{AuthFailure, Identity, Viewer};
use passwords::HashingPool;
use refresh_token::RefreshToken;
use session_cache::SessionCache;

/// How long after its first use a refresh token is still valid: two browser tabs may use it at once.
const REFRESH_GRACE: Duration = Duration::from_secs(10);

/// Delay before a failed query is repeated while the database is unavailable.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How often an open connection checks its session if the events of other processes do not arrive. With the duration of
/// a statement, less than 5 seconds.
const RECHECK_INTERVAL: Duration = Duration::from_secs(3);

/// Maximum length of a stored user agent, in characters. The rest is cut off.
const USER_AGENT_CHARS: usize = 255;

/// The tokens that a client receives when a user signs in.
#[derive(Clone, Debug)]
pub(crate) struct IssuedTokens {
    pub(crate) access_token: String,
    pub(crate) access_token_expires_at: Timestamp,
    pub(crate) refresh_token: RefreshToken,
    pub(crate) refresh_token_expires_at: Timestamp,
    pub(crate) user: User,
    pub(crate) session: SessionId,
    /// The sessions that ended because the account had too many.
    pub(crate) ended_sessions: Vec<SessionId>,
}

/// The result of presenting a refresh token.
#[derive(Clone, Debug)]
pub(crate) enum RefreshOutcome {
    Rotated(Box<IssuedTokens>),
    /// The token counts as stolen ([`Rotation::Reused`]): its session has ended.
    Reused {
        user: UserId,
        session: SessionId,
    },
    /// The token is unknown or expired, or its session has ended.
    Invalid,
}

/// Signs users in and out, and authenticates requests.
#[derive(Debug)]
pub(crate) struct Auth {
    store: Store,
    clock: Clock,
    ids: Arc<IdGenerator>,
    access_tokens: AccessTokens,
    live_sessions: SessionCache,
    lifetimes: TokenLifetimes,
    /// Whether anybody can register.
    pub(crate) registration: bool,
    /// How many wrong passwords an account may have; unlimited if `None`.
    guess_limits: Option<GuessLimits>,
    pub(crate) passwords: HashingPool,
}

impl Auth {
    pub(crate) fn new(
        config: &Config,
        store: Store,
        clock: Clock,
        ids: Arc<IdGenerator>,
    ) -> anyhow::Result<Self> {
        let secrets = secrets::load(&config.jwt_secrets)?;
        Ok(Self {
            store,
            clock,
            ids,
            access_tokens: AccessTokens::new(&secrets, config.access_token_ttl)?,
            live_sessions: SessionCache::default(),
            lifetimes: TokenLifetimes {
                refresh_token: config.refresh_token_ttl,
                session: config.session_ttl,
                grace: REFRESH_GRACE,
            },
            registration: config.registration,
            guess_limits: config.rate_limits.then_some(GuessLimits {
                burst: config.limits.failed_login_burst,
                per_hour: config.limits.failed_logins_per_hour,
            }),
            passwords: HashingPool::new(config.bcrypt_cost, config.limits.password_queue)?,
        })
    }

    /// Authenticates the caller by the value of the `Authorization` header. Runs no statement while
    /// the session is in the cache.
    pub(crate) async fn identify(
        &self,
        authorization: Option<&[u8]>,
    ) -> Result<Identity, StoreError> {
        let Some(authorization) = authorization else {
            return Ok(Identity::Anonymous);
        };
        let token = match access_token::bearer(authorization) {
            Ok(Some(token)) => token,
            Ok(None) => return Ok(Identity::Anonymous),
            Err(failure) => return Ok(Identity::Invalid(failure)),
        };
        let viewer = match self.access_tokens.verify(token, self.clock.now()) {
            Ok(viewer) => viewer,
            Err(failure) => return Ok(Identity::Invalid(failure)),
        };
        Ok(if self.is_live(viewer).await? {
            Identity::User(viewer)
        } else {
            Identity::Invalid(AuthFailure::SessionEnded)
        })
    }

    /// Resolves when the token expires or the session ends, on any instance and by any command, with the reason.
    pub(crate) async fn wait_until_revoked(&self, viewer: Viewer) -> AuthFailure {
        let events = self.store.events();
        let mut ending = events.subscribe_to_session(viewer.session);
        loop {
            // The session may have ended before the subscription began, or without an event.
            self.live_sessions.evict(viewer.session);
            if !self.is_live_with_retry(viewer).await {
                return AuthFailure::SessionEnded;
            }
            tokio::select! {
                event = ending.next() => if event.is_ok() {
                    return AuthFailure::SessionEnded;
                },
                () = self.clock.sleep_until(viewer.token_expires_at) => {
                    return AuthFailure::TokenExpired;
                }
                () = self.clock.sleep(RECHECK_INTERVAL), if !events.reaches_all_processes() => {}
            }
        }
    }

    /// Like [`Auth::is_live`], but retries for as long as the database is unavailable.
    pub(crate) async fn is_live_with_retry(&self, viewer: Viewer) -> bool {
        loop {
            match self.is_live(viewer).await {
                Ok(live) => return live,
                Err(_) => tokio::time::sleep(RETRY_INTERVAL).await,
            }
        }
    }

    /// Whether this viewer's session is alive. Usually known from the cache, without a statement.
    pub(crate) async fn is_live(&self, viewer: Viewer) -> Result<bool, StoreError> {
        let now = self.clock.now();
        if let Some(user) = self.live_sessions.find(viewer.session, now) {
            return Ok(user == viewer.user);
        }
        let generation = self.live_sessions.generation();
        let user = self.store.sessions().find_user(viewer.session, now).await?;
        if let Some(user) = user {
            self.live_sessions.insert(generation, viewer.session, user, now);
        }
        Ok(user == Some(viewer.user))
    }

    /// Creates an account and signs its owner in.
    pub(crate) async fn register(
        &self,
        username: &Username,
        email: &Email,
        password_hash: PasswordHash,
        user_agent: Option<&str>,
    ) -> Result<Result<IssuedTokens, NameConflicts>, StoreError> {
        let (token, new) = self.new_session(user_agent);
        let (users, id) = (self.store.users(), self.ids.next());
        Ok(match users.create(id, username, email, password_hash, &new).await? {
            SaveUserOutcome::Done(user) => Ok(self.issue_first_tokens(user, &new, token)),
            SaveUserOutcome::NameConflicts(taken) => Err(taken),
        })
    }

    /// Signs in a user whose password was just verified; `None` if it has changed since.
    pub(crate) async fn open_session(
        &self,
        user: User,
        user_agent: Option<&str>,
    ) -> Result<Option<IssuedTokens>, StoreError> {
        let (token, new) = self.new_session(user_agent);
        let ended = self.store.sessions().open(user.id, &user.password_hash, &new).await?;
        self.live_sessions.end(ended.as_deref().unwrap_or_default());
        Ok(ended.map(|ended_sessions| IssuedTokens {
            ended_sessions,
            ..self.issue_first_tokens(user, &new, token)
        }))
    }

    /// Exchanges a refresh token for a new one and a new access token.
    pub(crate) async fn refresh(&self, old: &RefreshToken) -> Result<RefreshOutcome, StoreError> {
        let now = self.clock.now();
        let token = RefreshToken::generate(&mut rand::rng());
        let sessions = self.store.sessions();
        let rotation = sessions.rotate(old.hash(), token.hash(), self.lifetimes, now).await;
        let (session, user, expires_at) = match rotation {
            Ok(Rotation::Rotated { session, user, expires_at }) => (session, user, expires_at),
            Ok(Rotation::Reused { session, user }) => {
                self.live_sessions.end(&[session]);
                return Ok(RefreshOutcome::Reused { user, session });
            }
            // The session ended while its token was being exchanged.
            Ok(Rotation::Unknown) | Err(StoreError::UserDeleted) => {
                return Ok(RefreshOutcome::Invalid);
            }
            Err(error) => return Err(error),
        };
        let Some(user) = self.store.users().find(user).await? else {
            return Ok(RefreshOutcome::Invalid);
        };
        let issued = self.issue_tokens(user, session, token, expires_at, now);
        Ok(RefreshOutcome::Rotated(Box::new(issued)))
    }

    /// The owner and the session of a refresh token, whether the token was used or not; `None` if it is
    /// unknown or its session has ended.
    pub(crate) async fn find_session(
        &self,
        token: &RefreshToken,
    ) -> Result<Option<(UserId, SessionId)>, StoreError> {
        self.store.sessions().find_by_token(token.hash()).await
    }

    /// Ends a session of an account; false if the account has no such session.
    pub(crate) async fn end_session(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<bool, StoreError> {
        let ended = self.store.sessions().end(user, session).await?;
        if ended {
            self.live_sessions.end(&[session]);
        }
        Ok(ended)
    }

    /// Ends all sessions of an account and returns their number.
    pub(crate) async fn end_all_sessions(&self, user: UserId) -> Result<usize, StoreError> {
        let ended = self.store.sessions().end_all(user).await?;
        self.live_sessions.end(&ended);
        Ok(ended.len())
    }

    /// Sets a new password for a user whose current password was just verified. Ends all sessions and
    /// opens a new one; `None` if the password has changed since the verification.
    pub(crate) async fn change_password(
        &self,
        user: User,
        password_hash: PasswordHash,
        user_agent: Option<&str>,
    ) -> Result<Option<IssuedTokens>, StoreError> {
        let (token, new) = self.new_session(user_agent);
        let ended = self.store.users().change_password(&user, password_hash, Some(&new)).await?;
        self.live_sessions.end(ended.as_deref().unwrap_or_default());
        Ok(ended.map(|_| self.issue_first_tokens(user, &new, token)))
    }

    /// Deletes the account of a user whose password was just verified, with all its data; false if the
    /// password has changed since the verification.
    pub(crate) async fn delete_account(&self, user: &User) -> Result<bool, StoreError> {
        let ended = self.store.users().delete(user).await?;
        self.live_sessions.end(ended.as_deref().unwrap_or_default());
        Ok(ended.is_some())
    }

    fn new_session(&self, user_agent: Option<&str>) -> (RefreshToken, NewSession) {
        let now = self.clock.now();
        let refresh_token = RefreshToken::generate(&mut rand::rng());
        let lifetime = self.lifetimes.refresh_token.min(self.lifetimes.session);
        let token = NewToken { hash: refresh_token.hash(), expires_at: now + lifetime };
        let user_agent = user_agent.map(|name| name.chars().take(USER_AGENT_CHARS).collect());
        (refresh_token, NewSession { id: self.ids.next(), user_agent, token, created_at: now })
    }

    fn issue_first_tokens(
        &self,
        user: User,
        new: &NewSession,
        token: RefreshToken,
    ) -> IssuedTokens {
        self.issue_tokens(user, new.id, token, new.token.expires_at, new.created_at)
    }

    fn issue_tokens(
        &self,
        user: User,
        session: SessionId,
        refresh_token: RefreshToken,
        refresh_token_expires_at: Timestamp,
        now: Timestamp,
    ) -> IssuedTokens {
        let token_id: uuid::Uuid = self.ids.next();
        let (access_token, access_token_expires_at) =
            self.access_tokens.issue(user.id, session, token_id, now, refresh_token_expires_at);
        IssuedTokens {
            access_token,
            access_token_expires_at,
            refresh_token,
            refresh_token_expires_at,
            user,
            session,
            ended_sessions: Vec::new(),
        }
    }
}
