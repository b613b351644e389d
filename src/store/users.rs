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

/// An account without its password hash and its folded columns.
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

/// The columns of [`Profile`] without the id.
pub(super) const PROFILE_COLUMNS_AFTER_ID: [Column; 3] =
    [PROFILE_COLUMNS[1], PROFILE_COLUMNS[2], PROFILE_COLUMNS[3]];

impl From<User> for Profile {
    fn from(User { id, username, email, created_at, .. }: User) -> Self {
        Self { id, username, email, created_at }
    }
}

/// Which of the requested names belong to another account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameConflicts {
    pub(crate) username: bool,
    pub(crate) email: bool,
}

/// The result of a registration or a change of names.
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
        let profile = || select_profiles().filter(Column::Id.eq(id)).into_query();
        let sql = self.0.direct.known(StatementKey::Profile, vec![id.into()], profile);
        Ok(self.0.direct.read(sql).await?.pop())
    }

    /// The accounts with these ids, in no particular order.
    pub(crate) async fn profiles(&self, ids: &[UserId]) -> Result<Vec<Profile>, StoreError> {
        let profiles = select_profiles().filter(Column::Id.is_in(ids.iter().copied()));
        Ok(profiles.into_model().all(&self.0.reader).await?)
    }

    pub(crate) async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        let users = Entity::find().filter(Column::EmailFolded.eq(email.key()));
        Ok(users.one(&self.0.reader).await?)
    }

    /// Which of these names belong to an account other than `except`.
    pub(crate) async fn taken(
        &self,
        username: Option<&Username>,
        email: Option<&Email>,
        except: Option<UserId>,
    ) -> Result<NameConflicts, StoreError> {
        let (username, email) = (username.map(Username::key), email.map(Email::key));
        if username.is_none() && email.is_none() {
            return Ok(NameConflicts::default());
        }
        let either = Condition::any()
            .add_option(username.as_ref().map(|key| Column::UsernameFolded.eq(key)))
            .add_option(email.as_ref().map(|key| Column::EmailFolded.eq(key)));
        let others = Condition::all().add(either).add_option(except.map(|id| Column::Id.ne(id)));
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

    /// Inserts an account and its first session. The unique constraints decide whether its names are free.
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
            return self.name_conflicts(error.into(), Some(username), Some(email), None).await;
        }
        sessions::insert(&*transaction, id, session).await?;
        transaction.commit().await?;
        Ok(SaveUserOutcome::Done(user))
    }

    /// Changes the given names. `None` if the account has been deleted; for a change of email, also if its
    /// password has changed since it was verified.
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
                self.name_conflicts(error.into(), username, email, Some(user.id)).await.map(Some)
            }
        }
    }

    /// Sets a new password, ends all sessions and opens a new one, in one transaction. Returns the ended
    /// sessions. Returns `None` and writes nothing if the password has changed since it was verified, or
    /// the account has been deleted.
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

    /// Stores a new hash of the same password; false if the password has changed since it was verified.
    pub(crate) async fn rehash(&self, user: &User, hash: String) -> Result<bool, StoreError> {
        set_password(&*self.0.writer().await?, user, hash).await
    }

    /// Deletes an account and all its data. Returns the ended sessions. Returns `None` and deletes nothing
    /// if the password has changed since it was verified, or the account has been deleted.
    pub(crate) async fn delete(&self, user: &User) -> Result<Option<Vec<SessionId>>, StoreError> {
        let transaction = self.0.begin().await?;
        // Lock the account first, in the same order as a change of password. From then on no session
        // of the account can be opened.
        let account = Entity::find_by_id(user.id)
            .filter(Column::PasswordHash.eq(&user.password_hash))
            .lock_exclusive()
            .one(&*transaction)
            .await?;
        if account.is_none() {
            return Ok(None);
        }
        let ended = sessions::end_all(&*transaction, user.id).await?;
        // Delete the books before the library's row, the lock order of deleting a single book.
        let books = book::Entity::delete_many().filter(book::Column::OwnerId.eq(user.id));
        books.exec(&*transaction).await?;
        Entity::delete_by_id(user.id).exec(&*transaction).await?;
        transaction.commit().await?;
        self.0.publish_sessions_ended(&ended).await;
        Ok(Some(ended))
    }

    /// Turns a unique violation into all names that are taken, because the database reports only one.
    async fn name_conflicts(
        &self,
        failed: QueryError,
        username: Option<&Username>,
        email: Option<&Email>,
        except: Option<UserId>,
    ) -> Result<SaveUserOutcome, StoreError> {
        let Some(broken) = failed.broken else {
            return Err(failed.error);
        };
        let taken = self.taken(username, email, except).await?;
        Ok(SaveUserOutcome::NameConflicts(NameConflicts {
            username: taken.username || broken == UniqueConstraint::Username,
            email: taken.email || broken == UniqueConstraint::Email,
        }))
    }
}

fn select_profiles() -> Select<Entity> {
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
