//! Links to exports. A link works once, on every instance.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use super::{PURGE_BATCH_SIZE, Store, StoreError};
use crate::book_files::BookFileFormat;
use crate::clock::Timestamp;
use crate::entity::export::{ActiveModel, Column, Entity, Model};
use crate::entity::session;
use crate::id::{SessionId, UserId};

/// How many unused links a session has at most. One more ends the oldest.
const MAX_LINKS: u64 = 10;

/// SHA-256 of the token in a link.
pub(crate) type LinkHash = [u8; 32];

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) owner: UserId,
    pub(crate) format: BookFileFormat,
}

/// The statements about links to exports.
#[derive(Debug)]
pub(crate) struct Exports<'a>(&'a Store);

impl Store {
    pub(crate) fn exports(&self) -> Exports<'_> {
        Exports(self)
    }
}

impl Exports<'_> {
    /// Inserts a link of a session. `false` if the session has just ended.
    pub(crate) async fn insert(
        &self,
        hash: LinkHash,
        session: SessionId,
        format: BookFileFormat,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let transaction = self.0.db.begin().await?;
        let owner = session::Entity::find_by_id(session).one(&*transaction).await?;
        if owner.is_none() {
            return Ok(false);
        }
        let newest: Vec<Vec<u8>> = Entity::find()
            .select_only()
            .column(Column::TokenHash)
            .filter(Column::SessionId.eq(session))
            .order_by_desc(Column::ExpiresAt)
            .limit(MAX_LINKS - 1)
            .into_tuple()
            .all(&*transaction)
            .await?;
        Entity::delete_many()
            .filter(Column::SessionId.eq(session))
            .filter(Column::TokenHash.is_not_in(newest))
            .exec(&*transaction)
            .await?;
        let row = ActiveModel {
            token_hash: Set(hash.to_vec()),
            session_id: Set(session),
            format: Set(number(format)),
            expires_at: Set(expires_at),
        };
        Entity::insert(row).exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// What the link leads to, without using it up. `None` if it was used, has expired or never existed, or if its
    /// session has ended.
    pub(crate) async fn find(
        &self,
        hash: LinkHash,
        now: Timestamp,
    ) -> Result<Option<Export>, StoreError> {
        let link = Entity::find_by_id(hash.to_vec()).one(&self.0.db.reader()).await?;
        self.resolve(link, now).await
    }

    /// Like [`Self::find`], and uses the link up. Only one of several calls at the same time gets it.
    pub(crate) async fn take(
        &self,
        hash: LinkHash,
        now: Timestamp,
    ) -> Result<Option<Export>, StoreError> {
        // A link that does not work costs no write: anybody can ask for one.
        let Some(export) = self.find(hash, now).await? else { return Ok(None) };
        let link = Entity::delete_many().filter(Column::TokenHash.eq(hash.to_vec()));
        let deleted = link.exec(&*self.0.db.writer().await?).await?.rows_affected;
        Ok((deleted > 0).then_some(export))
    }

    async fn resolve(
        &self,
        link: Option<Model>,
        now: Timestamp,
    ) -> Result<Option<Export>, StoreError> {
        let Some(link) = link.filter(|link| link.expires_at > now) else { return Ok(None) };
        let owner = self.0.sessions().find_user(link.session_id, now).await?;
        let format = FORMATS.into_iter().find(|format| number(*format) == link.format);
        Ok(owner.zip(format).map(|(owner, format)| Export { owner, format }))
    }

    /// Deletes expired links in batches.
    pub(crate) async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let expired = Entity::find()
                .select_only()
                .column(Column::TokenHash)
                .filter(Column::ExpiresAt.lte(now))
                .limit(PURGE_BATCH_SIZE)
                .into_query();
            let rows = Entity::delete_many().filter(Column::TokenHash.in_subquery(expired));
            if rows.exec(&*self.0.db.writer().await?).await?.rows_affected == 0 {
                return Ok(());
            }
        }
    }
}

const FORMATS: [BookFileFormat; 3] =
    [BookFileFormat::Csv, BookFileFormat::Json, BookFileFormat::Goodreads];

/// How the databases store a format.
fn number(format: BookFileFormat) -> i16 {
    match format {
        BookFileFormat::Csv => 1,
        BookFileFormat::Json => 2,
        BookFileFormat::Goodreads => 3,
    }
}
