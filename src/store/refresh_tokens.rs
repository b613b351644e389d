//! Refresh tokens of a session. The callers own the transactions.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};

use super::error::StoreError;
use crate::clock::Timestamp;
pub(super) use crate::entity::refresh_token::Model as Token;
use crate::entity::refresh_token::{ActiveModel, Column, Entity};
use crate::id::SessionId;

/// SHA-256 of a refresh token.
pub(crate) type TokenHash = [u8; 32];

/// A refresh token to insert.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewToken {
    pub(crate) hash: TokenHash,
    pub(crate) expires_at: Timestamp,
}

/// What a presented refresh token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// Its first use, or another one within the grace period.
    Valid,
    /// A later use, but none of the tokens that were given for it has been used: the response was lost.
    ResponseLost,
    /// Two holders use the tokens of the session.
    Stolen,
    Expired,
}

impl Presented {
    /// `replaced` tells whether a token that was given for this one has been used (RFC 9700, section 4.14.2).
    pub(super) fn new(token: &Token, replaced: bool, grace: Duration, now: Timestamp) -> Self {
        let late = token.used_at.is_some_and(|first_use| now >= first_use + grace);
        if token.revoked_at.is_some() || late && replaced {
            Self::Stolen
        } else if token.expires_at <= now {
            Self::Expired
        } else if late {
            Self::ResponseLost
        } else {
            Self::Valid
        }
    }
}

/// The token with this hash.
pub(super) async fn find<C: ConnectionTrait>(
    connection: &C,
    hash: TokenHash,
) -> Result<Option<Token>, StoreError> {
    Ok(Entity::find_by_id(hash.to_vec()).one(connection).await?)
}

/// Whether a token that was given for this one has been used.
pub(super) async fn is_replaced<C: ConnectionTrait>(
    connection: &C,
    token: &Token,
) -> Result<bool, StoreError> {
    let used = Entity::find()
        .select_only()
        .column(Column::TokenHash)
        .filter(Column::SessionId.eq(token.session_id))
        .filter(Column::GivenFor.eq(token.token_hash.clone()))
        .filter(Column::UsedAt.is_not_null())
        .into_tuple::<Vec<u8>>();
    Ok(used.one(connection).await?.is_some())
}

/// Revokes the tokens that were given for this one. None of them has been used.
pub(super) async fn revoke_replacements<C: ConnectionTrait>(
    connection: &C,
    token: &Token,
    now: Timestamp,
) -> Result<(), StoreError> {
    let revoked = ActiveModel { revoked_at: Set(Some(now)), ..Default::default() };
    Entity::update_many()
        .set(revoked)
        .filter(Column::SessionId.eq(token.session_id))
        .filter(Column::GivenFor.eq(token.token_hash.clone()))
        .exec(connection)
        .await?;
    Ok(())
}

/// Records when a token was used, unless it was used before.
pub(super) async fn record_first_use<C: ConnectionTrait>(
    connection: &C,
    token: &Token,
    now: Timestamp,
) -> Result<(), StoreError> {
    let used = ActiveModel { used_at: Set(Some(now)), ..Default::default() };
    Entity::update_many()
        .set(used)
        .filter(Column::TokenHash.eq(token.token_hash.clone()))
        .filter(Column::UsedAt.is_null())
        .exec(connection)
        .await?;
    Ok(())
}

/// Inserts a token; `given_for` is the token that was presented for it, if any.
pub(super) async fn give<C: ConnectionTrait>(
    connection: &C,
    session: SessionId,
    token: NewToken,
    given_for: Option<Vec<u8>>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        token_hash: Set(token.hash.to_vec()),
        session_id: Set(session),
        given_for: Set(given_for),
        created_at: Set(now),
        used_at: Set(None),
        revoked_at: Set(None),
        expires_at: Set(token.expires_at),
    };
    Entity::insert(row).exec_without_returning(connection).await?;
    Ok(())
}
