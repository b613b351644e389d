//! Accounts.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect, Value,
};

use super::Store;
use super::db::row::{FromRow, row};
use super::error::{QueryError, StoreError, UniqueConstraint};
use super::sessions::{self, NewSession};
use crate::clock::Timestamp;
pub(crate) use crate::entity::user::PasswordHash;
use crate::entity::user::{ActiveModel, Column, Entity};
use crate::entity::{book, user};
use crate::id::{SessionId, UserId};
use crate::input::email::Email;
use crate::input::username::Username;

row! {
    /// An account.
    pub(crate) struct User from user {
        id: UserId = Id,
        username: String = Username,
        username_folded: String = UsernameFolded,
        email: String = Email,
        email_folded: String = EmailFolded,
        password_hash: PasswordHash = PasswordHash,
        created_at: Timestamp = CreatedAt,
    }
}

row! {
    /// What an account shows to its owner.
    pub(crate) struct Profile from user {
        id: UserId = Id,
        username: String = Username,
        email: String = Email,
        created_at: Timestamp = CreatedAt,
    }
}

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
        self.find_by(User::COLUMNS, Column::Id, id).await
    }

    pub(crate) async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        self.find_by(User::COLUMNS, Column::EmailFolded, email.key()).await
    }

    pub(crate) async fn profile(&self, id: UserId) -> Result<Option<Profile>, StoreError> {
        self.find_by(Profile::COLUMNS, Column::Id, id).await
    }

    /// The account with this value in a unique column.
    async fn find_by<R: FromRow>(
        &self,
        selected: &[Column],
        column: Column,
        value: impl Into<Value>,
    ) -> Result<Option<R>, StoreError> {
        let mut sql = self.0.db.sql();
        sql.push("SELECT ").columns(selected.iter().copied()).push(" FROM ").table(Entity);
        sql.push(" WHERE ").column(column).push(" = ").bind(value);
        Ok(self.0.db.read_one(sql).await?)
    }

    /// The accounts with these ids, in no particular order.
    pub(crate) async fn profiles(&self, ids: &[UserId]) -> Result<Vec<Profile>, StoreError> {
        let profiles = Entity::find()
            .select_only()
            .columns(Profile::COLUMNS.iter().copied())
            .filter(Column::Id.is_in(ids.iter().copied()));
        Ok(profiles.into_model().all(&self.0.db.reader()).await?)
    }

    /// The accounts after the one with this id, oldest first; at most `limit`.
    pub(crate) async fn list(
        &self,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<Profile>, StoreError> {
        let after = Condition::all().add_option(after.map(|id| Column::Id.gt(id)));
        let profiles = Entity::find()
            .select_only()
            .columns(Profile::COLUMNS.iter().copied())
            .filter(after)
            .order_by_asc(Column::Id)
            .limit(limit);
        Ok(profiles.into_model().all(&self.0.db.reader()).await?)
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
            .all(&self.0.db.reader())
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
        password_hash: PasswordHash,
        session: &NewSession,
    ) -> Result<SaveUserOutcome, StoreError> {
        self.insert(id, username, email, password_hash, session.created_at, Some(session)).await
    }

    /// Inserts an account, with a first session if it signs in.
    pub(crate) async fn insert(
        &self,
        id: UserId,
        username: &Username,
        email: &Email,
        password_hash: PasswordHash,
        created_at: Timestamp,
        session: Option<&NewSession>,
    ) -> Result<SaveUserOutcome, StoreError> {
        let user = user::Model {
            id,
            username: username.as_str().to_owned(),
            username_folded: username.key(),
            email: email.as_str().to_owned(),
            email_folded: email.key(),
            password_hash,
            created_at,
        };
        let row = ActiveModel::from(user.clone()).reset_all();
        let transaction = self.0.db.begin().await?;
        if let Err(error) = Entity::insert(row).exec_without_returning(&*transaction).await {
            transaction.rollback().await?;
            return self.name_conflicts(error.into(), Some(username), Some(email), None).await;
        }
        if let Some(session) = session {
            sessions::insert(&*transaction, id, session).await?;
        }
        transaction.commit().await?;
        Ok(SaveUserOutcome::Done(user.into()))
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
            update = update.filter(Column::PasswordHash.eq(user.password_hash.clone()));
        }
        match update.exec_with_returning(&*self.0.db.writer().await?).await {
            Ok(mut users) => Ok(users.pop().map(User::from).map(SaveUserOutcome::Done)),
            Err(error) => {
                self.name_conflicts(error.into(), username, email, Some(user.id)).await.map(Some)
            }
        }
    }

    /// Sets a new password, ends all sessions and opens a new one, if given, in one transaction. Returns the ended
    /// sessions. Returns `None` and writes nothing if the password has changed since it was verified, or
    /// the account has been deleted.
    pub(crate) async fn change_password(
        &self,
        user: &User,
        password_hash: PasswordHash,
        session: Option<&NewSession>,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let transaction = self.0.db.begin().await?;
        if !set_password(&*transaction, user, password_hash).await? {
            return Ok(None);
        }
        let ended = sessions::end_all(&*transaction, user.id).await?;
        if let Some(session) = session {
            sessions::insert(&*transaction, user.id, session).await?;
        }
        transaction.commit().await?;
        self.0.publish_sessions_ended(&ended).await;
        Ok(Some(ended))
    }

    /// Stores a new hash of the same password; false if the password has changed since it was verified.
    pub(crate) async fn rehash(&self, user: &User, hash: PasswordHash) -> Result<bool, StoreError> {
        set_password(&*self.0.db.writer().await?, user, hash).await
    }

    /// Deletes an account and all its data. Returns the ended sessions. Returns `None` and deletes nothing
    /// if the password has changed since it was verified, or the account has been deleted.
    pub(crate) async fn delete(&self, user: &User) -> Result<Option<Vec<SessionId>>, StoreError> {
        let transaction = self.0.db.begin().await?;
        // Lock the account first, in the same order as a change of password. From then on no session
        // of the account can be opened.
        let account = Entity::find_by_id(user.id)
            .filter(Column::PasswordHash.eq(user.password_hash.clone()))
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
        self.0.wake_cover_removal();
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
        let Some(violated) = failed.violated else {
            return Err(failed.error);
        };
        let taken = self.taken(username, email, except).await?;
        Ok(SaveUserOutcome::NameConflicts(NameConflicts {
            username: taken.username || violated == UniqueConstraint::Username,
            email: taken.email || violated == UniqueConstraint::Email,
        }))
    }
}

async fn set_password<C: ConnectionTrait>(
    connection: &C,
    user: &User,
    password_hash: PasswordHash,
) -> Result<bool, StoreError> {
    let row = ActiveModel { password_hash: Set(password_hash), ..Default::default() };
    let update = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(user.id))
        .filter(Column::PasswordHash.eq(user.password_hash.clone()));
    Ok(update.exec(connection).await?.rows_affected > 0)
}
