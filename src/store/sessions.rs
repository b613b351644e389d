//! Sessions and their refresh tokens.

use std::time::Duration;

use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use super::error::StoreError;
use super::refresh_tokens::{self, Presented};
use super::{PURGE_BATCH_SIZE, Store};
use crate::clock::Timestamp;
use crate::entity::user::PasswordHash;
use crate::entity::{session, user};
use crate::id::{SessionId, UserId};

pub(crate) use super::refresh_tokens::{NewToken, TokenHash};
pub(crate) use crate::entity::session::Model as Session;

/// Maximum number of sessions of an account. One more ends the one that was used least recently.
pub(crate) const MAX_SESSIONS: u64 = 100;

/// A session to insert, with its first refresh token.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) user_agent: Option<String>,
    pub(crate) token: NewToken,
    pub(crate) created_at: Timestamp,
}

/// How long tokens and sessions live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenLifetimes {
    pub(crate) refresh_token: Duration,
    /// From the sign-in.
    pub(crate) session: Duration,
    /// How long after its first use a refresh token is still valid: two browser tabs may use it at once.
    pub(crate) grace: Duration,
}

/// The result of presenting a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// The session has a new token, which expires at this time.
    Rotated { session: SessionId, user: UserId, expires_at: Timestamp },
    /// The token was used before, and so was one that was given for it; or it was revoked. It counts as
    /// stolen, and the session has ended.
    Reused { session: SessionId, user: UserId },
    /// The token is unknown or has expired, or its session has ended.
    Unknown,
}

/// The statements about sessions.
#[derive(Debug)]
pub(crate) struct Sessions<'a>(&'a Store);

impl Store {
    pub(crate) fn sessions(&self) -> Sessions<'_> {
        Sessions(self)
    }
}

impl Sessions<'_> {
    /// Opens a session for a user whose password was just verified, and ends those beyond [`MAX_SESSIONS`],
    /// which it returns. Returns `None`, and writes nothing, if the password has changed since, or the account
    /// has been deleted. So a change of password ends the existing sessions and also prevents those that are
    /// about to open with the old password.
    pub(crate) async fn open(
        &self,
        user: UserId,
        password_hash: &PasswordHash,
        new: &NewSession,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let transaction = self.0.db.begin().await?;
        // One sign-in of an account at a time, so that they count each other's sessions.
        let unchanged = user::Entity::find_by_id(user)
            .select_only()
            .column(user::Column::Id)
            .filter(user::Column::PasswordHash.eq(password_hash.clone()))
            .lock(LockType::NoKeyUpdate)
            .into_tuple::<UserId>()
            .one(&*transaction)
            .await?;
        if unchanged.is_none() {
            return Ok(None);
        }
        let ended = end_oldest(&*transaction, user, MAX_SESSIONS - 1, new.created_at).await?;
        insert(&*transaction, user, new).await?;
        transaction.commit().await?;
        self.0.publish_sessions_ended(&ended).await;
        Ok(Some(ended))
    }

    /// The owner of the session; `None` if it has ended.
    pub(crate) async fn find_user(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        use session::Column::{ExpiresAt, Id, UserId as User};

        let mut sql = self.0.db.sql();
        sql.push("SELECT ").column(User).push(" FROM ").table(session::Entity);
        sql.push(" WHERE ").column(Id).push(" = ").bind(id);
        sql.push(" AND ").column(ExpiresAt).push(" > ").bind(now);
        Ok(self.0.db.read_one(sql).await?)
    }

    /// The live sessions with these ids, of any user, in no particular order.
    pub(crate) async fn find_many(
        &self,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let sessions = session::Entity::find()
            .filter(session::Column::Id.is_in(ids.iter().copied()))
            .filter(session::Column::ExpiresAt.gt(now));
        Ok(sessions.all(&self.0.db.reader()).await?)
    }

    /// The live sessions of an account, newest first; at most `limit`.
    pub(crate) async fn list(
        &self,
        user: UserId,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<Session>, StoreError> {
        let sessions = session::Entity::find()
            .filter(session::Column::UserId.eq(user))
            .filter(session::Column::ExpiresAt.gt(now))
            .order_by_desc(session::Column::CreatedAt)
            .order_by_desc(session::Column::Id)
            .limit(limit);
        Ok(sessions.all(&self.0.db.reader()).await?)
    }

    /// Exchanges a refresh token for a new one. A token is for single use, with two exceptions: a second tab may
    /// use it within the grace period, and a client whose response was lost may use it until a token that was
    /// given for it is used; those are revoked then. Any other use ends the session (RFC 9700, section 4.14.2).
    pub(crate) async fn rotate(
        &self,
        presented: TokenHash,
        new: TokenHash,
        lifetimes: TokenLifetimes,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let transaction = self.0.db.begin().await?;
        let Some(session) = lock_session(&*transaction, presented).await? else {
            return Ok(Rotation::Unknown);
        };
        let token = refresh_tokens::find(&*transaction, presented).await?;
        let Some(token) = token else { return Ok(Rotation::Unknown) };
        let replaced =
            token.used_at.is_some() && refresh_tokens::is_replaced(&*transaction, &token).await?;
        let ends_at = session.created_at + lifetimes.session;
        let (id, user) = (session.id, session.user_id);
        let rotation = match Presented::new(&token, replaced, lifetimes.grace, now) {
            Presented::Stolen => {
                session::Entity::delete_by_id(id).exec(&*transaction).await?;
                Rotation::Reused { session: id, user }
            }
            Presented::Expired => return Ok(Rotation::Unknown),
            _ if ends_at <= now => return Ok(Rotation::Unknown),
            presented => {
                match presented {
                    Presented::ResponseLost => {
                        refresh_tokens::revoke_replacements(&*transaction, &token, now).await?;
                    }
                    _ => refresh_tokens::record_first_use(&*transaction, &token, now).await?,
                }
                let expires_at = ends_at.min(now + lifetimes.refresh_token);
                let new = NewToken { hash: new, expires_at };
                refresh_tokens::give(&*transaction, id, new, Some(token.token_hash), now).await?;
                let used = session::ActiveModel {
                    last_used_at: Set(now),
                    expires_at: Set(expires_at),
                    ..Default::default()
                };
                let same_id = session::Column::Id.eq(id);
                session::Entity::update_many()
                    .set(used)
                    .filter(same_id)
                    .exec(&*transaction)
                    .await?;
                Rotation::Rotated { session: id, user, expires_at }
            }
        };
        transaction.commit().await?;
        if let Rotation::Reused { session, .. } = rotation {
            self.0.publish_sessions_ended(&[session]).await;
        }
        Ok(rotation)
    }

    /// The owner and the session of a refresh token; `None` if there is no such token or session.
    pub(crate) async fn find_by_token(
        &self,
        token: TokenHash,
    ) -> Result<Option<(UserId, SessionId)>, StoreError> {
        let reader = self.0.db.reader();
        let Some(token) = refresh_tokens::find(&reader, token).await? else { return Ok(None) };
        let session = session::Entity::find_by_id(token.session_id).one(&reader).await?;
        Ok(session.map(|session| (session.user_id, session.id)))
    }

    /// Ends a session of an account; false if the account has no such session.
    pub(crate) async fn end(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        let ended = session::Entity::delete_many()
            .filter(session::Column::Id.eq(id))
            .filter(session::Column::UserId.eq(user))
            .exec(&*self.0.db.writer().await?)
            .await?;
        if ended.rows_affected > 0 {
            self.0.publish_sessions_ended(&[id]).await;
        }
        Ok(ended.rows_affected > 0)
    }

    /// Ends all sessions of an account and returns their ids.
    pub(crate) async fn end_all(&self, user: UserId) -> Result<Vec<SessionId>, StoreError> {
        let ended = end_all(&*self.0.db.writer().await?, user).await?;
        self.0.publish_sessions_ended(&ended).await;
        Ok(ended)
    }

    /// Deletes expired sessions and their tokens in batches, so that other writers do not wait for long.
    /// Keeps all tokens of a live session, whatever their age, so that the reuse of a stolen one is
    /// detected.
    pub(crate) async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        use session::Column::{ExpiresAt, Id};

        loop {
            let expired = session::Entity::find()
                .select_only()
                .column(Id)
                .filter(ExpiresAt.lte(now))
                .limit(PURGE_BATCH_SIZE)
                .into_query();
            let sessions = session::Entity::delete_many().filter(Id.in_subquery(expired));
            if sessions.exec(&*self.0.db.writer().await?).await?.rows_affected == 0 {
                return Ok(());
            }
        }
    }
}

/// Inserts a session with its first token. The caller owns the transaction.
pub(super) async fn insert<C: ConnectionTrait>(
    connection: &C,
    user: UserId,
    new: &NewSession,
) -> Result<(), StoreError> {
    let row = session::ActiveModel {
        id: Set(new.id),
        user_id: Set(user),
        user_agent: Set(new.user_agent.clone()),
        created_at: Set(new.created_at),
        last_used_at: Set(new.created_at),
        expires_at: Set(new.token.expires_at),
    };
    session::Entity::insert(row).exec_without_returning(connection).await?;
    refresh_tokens::give(connection, new.id, new.token, None, new.created_at).await
}

/// Ends the sessions of an account except the live ones that were used most recently, and returns the ended
/// ones. The caller owns the transaction.
async fn end_oldest<C: ConnectionTrait>(
    connection: &C,
    user: UserId,
    kept: u64,
    now: Timestamp,
) -> Result<Vec<SessionId>, StoreError> {
    use session::Column::{ExpiresAt, Id, LastUsedAt, UserId as User};

    let recent: Vec<SessionId> = session::Entity::find()
        .select_only()
        .column(Id)
        .filter(User.eq(user))
        .filter(ExpiresAt.gt(now))
        .order_by_desc(LastUsedAt)
        .order_by_desc(Id)
        .limit(kept)
        .into_tuple()
        .all(connection)
        .await?;
    if u64::try_from(recent.len()).is_ok_and(|recent| recent < kept) {
        return Ok(Vec::new());
    }
    let oldest = session::Entity::delete_many().filter(User.eq(user)).filter(Id.is_not_in(recent));
    let ended = oldest.exec_with_returning(connection).await?;
    Ok(ended.into_iter().map(|session| session.id).collect())
}

/// Locks and returns the session of a token, before its tokens are changed. Ending a session locks it
/// first and its tokens after; the opposite order here could deadlock.
async fn lock_session<C: ConnectionTrait>(
    connection: &C,
    token: TokenHash,
) -> Result<Option<Session>, StoreError> {
    let Some(token) = refresh_tokens::find(connection, token).await? else {
        return Ok(None);
    };
    let session = session::Entity::find_by_id(token.session_id).lock_exclusive();
    Ok(session.one(connection).await?)
}

/// Ends all sessions of an account. The caller owns the transaction.
pub(super) async fn end_all<C: ConnectionTrait>(
    connection: &C,
    user: UserId,
) -> Result<Vec<SessionId>, StoreError> {
    let ended = session::Entity::delete_many()
        .filter(session::Column::UserId.eq(user))
        .exec_with_returning(connection)
        .await?;
    Ok(ended.into_iter().map(|session| session.id).collect())
}
