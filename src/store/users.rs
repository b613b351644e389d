//! Accounts.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    FromQueryResult, QueryFilter, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::Store;
use super::error::{QueryError, StoreError, UniqueConstraint};
use super::fast_path::{FromRow, Row, StatementKey};
use super::sessions::{self, NewSession};
use crate::clock::Timestamp;
use crate::entity::book;
use crate::entity::user::{ActiveModel, Column, Entity};
use crate::id::{SessionId, UserId};
use crate::input::email::Email;
use crate::input::username::Username;

pub(crate) use crate::entity::user::Model as User;

/// An account as it is shown; how its owner signs in stays in the database.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Profile {
    pub(crate) id: UserId,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) created_at: Timestamp,
}

/// The columns of [`Profile`].
const PROFILE_COLUMNS: [Column; 4] =
    [Column::Id, Column::Username, Column::Email, Column::CreatedAt];

/// The columns of [`Profile`] that are not what an account is found by.
pub(super) const PROFILE_COLUMNS_AFTER_ID: [Column; 3] =
    [PROFILE_COLUMNS[1], PROFILE_COLUMNS[2], PROFILE_COLUMNS[3]];

impl From<User> for Profile {
    fn from(User { id, username, email, created_at, .. }: User) -> Self {
        Self { id, username, email, created_at }
    }
}

/// Which names an account asked for belong to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameConflicts {
    pub(crate) username: bool,
    pub(crate) email: bool,
}

/// What became of a registration or a change of names.
#[derive(Clone, Debug)]
pub(crate) enum SaveUserOutcome {
    Done(User),
    NameConflicts(NameConflicts),
}

/// The statements about accounts.
#[derive(Debug)]
pub(crate) struct Users<'a>(&'a Store);

impl Store {
    pub(crate) fn users(&self) -> Users<'_> {
        Users(self)
    }
}

impl Users<'_> {
    pub(crate) async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let user = || Entity::find_by_id(id).into_query();
        let sql = self.0.direct.known(StatementKey::User, vec![id.into()], user);
        Ok(self.0.direct.read(sql).await?.pop())
    }

    pub(crate) async fn profile(&self, id: UserId) -> Result<Option<Profile>, StoreError> {
        let profile = || shown().filter(Column::Id.eq(id)).into_query();
        let sql = self.0.direct.known(StatementKey::Profile, vec![id.into()], profile);
        Ok(self.0.direct.read(sql).await?.pop())
    }

    /// The accounts with these ids, in no order.
    pub(crate) async fn profiles(&self, ids: &[UserId]) -> Result<Vec<Profile>, StoreError> {
        let profiles = shown().filter(Column::Id.is_in(ids.iter().copied()));
        Ok(profiles.into_model().all(&self.0.reader).await?)
    }

    pub(crate) async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        let users = Entity::find().filter(Column::EmailFolded.eq(email.key()));
        Ok(users.one(&self.0.reader).await?)
    }

    /// Which of these names belong to an account other than `but`.
    pub(crate) async fn taken(
        &self,
        username: Option<&Username>,
        email: Option<&Email>,
        but: Option<UserId>,
    ) -> Result<NameConflicts, StoreError> {
        let (username, email) = (username.map(Username::key), email.map(Email::key));
        if username.is_none() && email.is_none() {
            return Ok(NameConflicts::default());
        }
        let either = Condition::any()
            .add_option(username.as_ref().map(|key| Column::UsernameFolded.eq(key)))
            .add_option(email.as_ref().map(|key| Column::EmailFolded.eq(key)));
        let others = Condition::all().add(either).add_option(but.map(|id| Column::Id.ne(id)));
        let found: Vec<(String, String)> = Entity::find()
            .select_only()
            .columns([Column::UsernameFolded, Column::EmailFolded])
            .filter(others)
            .into_tuple()
            .all(&self.0.reader)
            .await?;
        Ok(NameConflicts {
            username: found.iter().any(|(key, _)| Some(key) == username.as_ref()),
            email: found.iter().any(|(_, key)| Some(key) == email.as_ref()),
        })
    }

    /// Adds an account with its first session; the database decides whether its names are free.
    pub(crate) async fn create(
        &self,
        id: UserId,
        username: &Username,
        email: &Email,
        password_hash: String,
        session: &NewSession,
    ) -> Result<SaveUserOutcome, StoreError> {
        let user = User {
            id,
            username: username.as_str().to_owned(),
            username_folded: username.key(),
            email: email.as_str().to_owned(),
            email_folded: email.key(),
            password_hash,
            created_at: session.created_at,
        };
        let row = ActiveModel::from(user.clone()).reset_all();
        let transaction = self.0.begin().await?;
        if let Err(error) = Entity::insert(row).exec_without_returning(&*transaction).await {
            transaction.rollback().await?;
            return self.refused(error.into(), Some(username), Some(email), None).await;
        }
        sessions::insert(&*transaction, id, session).await?;
        transaction.commit().await?;
        Ok(SaveUserOutcome::Done(user))
    }

    /// Changes the names that are given; none if the account is gone, or, where the email is to
    /// change, has another password by now than the one that was verified.
    pub(crate) async fn rename(
        &self,
        user: &User,
        username: Option<&Username>,
        email: Option<&Email>,
    ) -> Result<Option<SaveUserOutcome>, StoreError> {
        let mut row = <ActiveModel as Default>::default();
        if let Some(username) = username {
            row.username = Set(username.as_str().to_owned());
            row.username_folded = Set(username.key());
        }
        if let Some(email) = email {
            row.email = Set(email.as_str().to_owned());
            row.email_folded = Set(email.key());
        }
        if username.is_none() && email.is_none() {
            return Ok(self.find(user.id).await?.map(SaveUserOutcome::Done));
        }
        let mut update = Entity::update_many().set(row).filter(Column::Id.eq(user.id));
        if email.is_some() {
            update = update.filter(Column::PasswordHash.eq(&user.password_hash));
        }
        match update.exec_with_returning(&*self.0.writer().await?).await {
            Ok(mut users) => Ok(users.pop().map(SaveUserOutcome::Done)),
            Err(error) => {
                self.refused(error.into(), username, email, Some(user.id)).await.map(Some)
            }
        }
    }

    /// Sets another password in the place of the one that was verified, ends all sessions and
    /// begins one, together. Gives the sessions that ended; none, and nothing is written, if the
    /// account has yet another password by now, or is gone.
    pub(crate) async fn change_password(
        &self,
        user: &User,
        password_hash: String,
        session: &NewSession,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let transaction = self.0.begin().await?;
        if !set_password(&*transaction, user, password_hash).await? {
            return Ok(None);
        }
        let ended = sessions::end_all(&*transaction, user.id).await?;
        sessions::insert(&*transaction, user.id, session).await?;
        transaction.commit().await?;
        self.0.publish_sessions_ended(&ended).await;
        Ok(Some(ended))
    }

    /// Keeps another hash of the same password. False if the password was changed meanwhile.
    pub(crate) async fn rehash(&self, user: &User, hash: String) -> Result<bool, StoreError> {
        set_password(&*self.0.writer().await?, user, hash).await
    }

    /// Removes an account and all it owns. Gives the sessions that ended; none, and nothing is
    /// removed, if the account has another password by now than the one that was verified, or is
    /// gone.
    pub(crate) async fn delete(&self, user: &User) -> Result<Option<Vec<SessionId>>, StoreError> {
        let transaction = self.0.begin().await?;
        // The account is locked first, as by whoever changes its password, and nobody can open a
        // session of it any more.
        let account = Entity::find_by_id(user.id)
            .filter(Column::PasswordHash.eq(&user.password_hash))
            .lock_exclusive()
            .one(&*transaction)
            .await?;
        if account.is_none() {
            return Ok(None);
        }
        let ended = sessions::end_all(&*transaction, user.id).await?;
        // Before the library, as whoever removes a single book locks them.
        let books = book::Entity::delete_many().filter(book::Column::OwnerId.eq(user.id));
        books.exec(&*transaction).await?;
        Entity::delete_by_id(user.id).exec(&*transaction).await?;
        transaction.commit().await?;
        self.0.publish_sessions_ended(&ended).await;
        Ok(Some(ended))
    }

    /// Turns a refused statement into the names that are taken: all of them, though the database
    /// reports one.
    async fn refused(
        &self,
        failed: QueryError,
        username: Option<&Username>,
        email: Option<&Email>,
        but: Option<UserId>,
    ) -> Result<SaveUserOutcome, StoreError> {
        let Some(broken) = failed.broken else {
            return Err(failed.error);
        };
        let taken = self.taken(username, email, but).await?;
        Ok(SaveUserOutcome::NameConflicts(NameConflicts {
            username: taken.username || broken == UniqueConstraint::Username,
            email: taken.email || broken == UniqueConstraint::Email,
        }))
    }
}

fn shown() -> Select<Entity> {
    Entity::find().select_only().columns(PROFILE_COLUMNS)
}

impl FromRow for Profile {
    fn from_row(row: &Row<'_>) -> Result<Self, QueryError> {
        Self::read(row.get::<Uuid>(0)?.into(), row, 1)
    }
}

impl Profile {
    /// Reads [`PROFILE_COLUMNS_AFTER_ID`] from this column on.
    pub(super) fn read(id: UserId, row: &Row<'_>, from: usize) -> Result<Self, QueryError> {
        Ok(Self {
            id,
            username: row.get(from)?,
            email: row.get(from + 1)?,
            created_at: Timestamp::from_millis(row.get(from + 2)?),
        })
    }
}

impl FromRow for User {
    fn from_row(row: &Row<'_>) -> Result<Self, QueryError> {
        Ok(Self {
            id: row.get::<Uuid>(0)?.into(),
            username: row.get(1)?,
            username_folded: row.get(2)?,
            email: row.get(3)?,
            email_folded: row.get(4)?,
            password_hash: row.get(5)?,
            created_at: Timestamp::from_millis(row.get(6)?),
        })
    }
}

async fn set_password<C: ConnectionTrait>(
    connection: &C,
    user: &User,
    password_hash: String,
) -> Result<bool, StoreError> {
    let row = ActiveModel { password_hash: Set(password_hash), ..Default::default() };
    let update = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(user.id))
        .filter(Column::PasswordHash.eq(&user.password_hash));
    Ok(update.exec(connection).await?.rows_affected > 0)
}
