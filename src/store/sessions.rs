//! Sessions and their refresh tokens.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use super::error::StoreError;
use super::{PURGE_BATCH_SIZE, Store};
use crate::clock::Timestamp;
use crate::entity::user::PasswordHash;
use crate::entity::{refresh_token, session, user};
use crate::id::{SessionId, UserId};

pub(crate) use crate::entity::session::Model as Session;

/// SHA-256 of a refresh token.
pub(crate) type TokenHash = [u8; 32];

/// A refresh token to insert.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewToken {
    pub(crate) hash: TokenHash,
    pub(crate) expires_at: Timestamp,
}

/// A session to insert, with its first refresh token.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) user_agent: Option<String>,
    pub(crate) token: NewToken,
    pub(crate) created_at: Timestamp,
}

/// The result of presenting a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// The session has a new token.
    Rotated { session: SessionId, user: UserId },
    /// The token was used before, and longer ago than the grace period for a second tab. It counts as
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
    /// Opens a session for a user whose password was just verified. Returns false, and writes nothing, if
    /// the password has changed since, or the account has been deleted. So a change of password ends the
    /// existing sessions and also prevents those that are about to open with the old password.
    pub(crate) async fn open(
        &self,
        user: UserId,
        password_hash: &PasswordHash,
        new: &NewSession,
    ) -> Result<bool, StoreError> {
        let transaction = self.0.db.begin().await?;
        let unchanged = user::Entity::find_by_id(user)
            .select_only()
            .column(user::Column::Id)
            .filter(user::Column::PasswordHash.eq(password_hash.clone()))
            .lock_shared()
            .into_tuple::<UserId>()
            .one(&*transaction)
            .await?;
        if unchanged.is_some() {
            insert(&*transaction, user, new).await?;
            transaction.commit().await?;
        }
        Ok(unchanged.is_some())
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

    /// Exchanges a refresh token for a new one. A token is for single use. A second use within `grace` of
    /// the first one is accepted, because it may come from another tab. A later use ends the session
    /// (RFC 9700, section 4.14.2).
    pub(crate) async fn rotate(
        &self,
        presented: TokenHash,
        new: NewToken,
        grace: Duration,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        use refresh_token::Column;

        let transaction = self.0.db.begin().await?;
        let Some(session) = lock_session(&*transaction, presented).await? else {
            return Ok(Rotation::Unknown);
        };
        let first_use =
            refresh_token::ActiveModel { used_at: Set(Some(now)), ..Default::default() };
        refresh_token::Entity::update_many()
            .set(first_use)
            .filter(Column::TokenHash.eq(presented.to_vec()))
            .filter(Column::UsedAt.is_null())
            .exec(&*transaction)
            .await?;
        let token =
            refresh_token::Entity::find_by_id(presented.to_vec()).one(&*transaction).await?;
        let Some(token) = token else { return Ok(Rotation::Unknown) };
        let (session, user) = (session.id, session.user_id);
        let rotation = if token.used_at.is_some_and(|used_at| now >= used_at + grace) {
            session::Entity::delete_by_id(session).exec(&*transaction).await?;
            Rotation::Reused { session, user }
        } else if token.expires_at > now {
            give_token(&*transaction, session, new, now).await?;
            let used = session::ActiveModel {
                last_used_at: Set(now),
                expires_at: Set(new.expires_at),
                ..Default::default()
            };
            let same_id = session::Column::Id.eq(session);
            session::Entity::update_many().set(used).filter(same_id).exec(&*transaction).await?;
            Rotation::Rotated { session, user }
        } else {
            return Ok(Rotation::Unknown);
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
        let token = refresh_token::Entity::find_by_id(token.to_vec()).one(&reader).await?;
        let Some(token) = token else { return Ok(None) };
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
    give_token(connection, new.id, new.token, new.created_at).await
}

/// Locks and returns the session of a token, before its tokens are changed. Ending a session locks it
/// first and its tokens after; the opposite order here could deadlock.
async fn lock_session<C: ConnectionTrait>(
    connection: &C,
    token: TokenHash,
) -> Result<Option<Session>, StoreError> {
    let Some(token) = refresh_token::Entity::find_by_id(token.to_vec()).one(connection).await?
    else {
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

async fn give_token<C: ConnectionTrait>(
    connection: &C,
    session: SessionId,
    token: NewToken,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = refresh_token::ActiveModel {
        token_hash: Set(token.hash.to_vec()),
        session_id: Set(session),
        created_at: Set(now),
        used_at: Set(None),
        expires_at: Set(token.expires_at),
    };
    refresh_token::Entity::insert(row).exec_without_returning(connection).await?;
    Ok(())
}
