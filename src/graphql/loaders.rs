//! One statement where a list would ask once per row.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, OnceLock};

use dataloader::BatchFn;
use dataloader::cached::Loader;

use super::Services;
use crate::id::{BookId, SessionId, UserId};
use crate::store::StoreError;
use crate::store::books::Book;
use crate::store::sessions::Session;
use crate::store::users::Profile;

/// A row that is found by its id. Usually one is asked for, with a statement that the database knows by
/// heart.
trait Loadable: Clone + Send + Sync + 'static {
    type Id: Copy + Eq + Hash + Debug + Send + Sync + 'static;

    fn id(&self) -> Self::Id;
    fn find_many(
        services: &Services,
        ids: &[Self::Id],
    ) -> impl Future<Output = Result<Vec<Self>, StoreError>> + Send;
}

impl Loadable for Profile {
    type Id = UserId;

    fn id(&self) -> UserId {
        self.id
    }

    async fn find_many(services: &Services, ids: &[UserId]) -> Result<Vec<Self>, StoreError> {
        match ids {
            [id] => Ok(services.store.users().profile(*id).await?.into_iter().collect()),
            ids => services.store.users().profiles(ids).await,
        }
    }
}

impl Loadable for Book {
    type Id = BookId;

    fn id(&self) -> BookId {
        self.id
    }

    async fn find_many(services: &Services, ids: &[BookId]) -> Result<Vec<Self>, StoreError> {
        match ids {
            [id] => Ok(services.store.books().find(*id).await?.into_iter().collect()),
            ids => services.store.books().find_many(ids).await,
        }
    }
}

impl Loadable for Session {
    type Id = SessionId;

    fn id(&self) -> SessionId {
        self.id
    }

    async fn find_many(services: &Services, ids: &[SessionId]) -> Result<Vec<Self>, StoreError> {
        services.store.sessions().find_many(ids, services.clock.now()).await
    }
}

type LoadResult<R> = Result<Option<Arc<R>>, StoreError>;

/// Asks for all the ids that a moment has gathered.
struct BatchLoader<R>(Arc<Services>, std::marker::PhantomData<fn() -> R>);

impl<R: Loadable> BatchFn<R::Id, LoadResult<R>> for BatchLoader<R> {
    async fn load(&mut self, ids: &[R::Id]) -> HashMap<R::Id, LoadResult<R>> {
        match R::find_many(&self.0, ids).await {
            Ok(rows) => {
                let mut found: HashMap<_, LoadResult<R>> =
                    ids.iter().map(|id| (*id, Ok(None))).collect();
                found.extend(rows.into_iter().map(|row| (row.id(), Ok(Some(Arc::new(row))))));
                found
            }
            Err(error) => ids.iter().map(|id| (*id, Err(error.clone()))).collect(),
        }
    }
}

type LazyLoader<R> = OnceLock<Loader<<R as Loadable>::Id, LoadResult<R>, BatchLoader<R>>>;

/// The loaders of one request, each made when it is needed. Each asks once for a row, and remembers it; a
/// subscription's forget between two events.
pub(crate) struct Loaders {
    services: Arc<Services>,
    users: LazyLoader<Profile>,
    books: LazyLoader<Book>,
    sessions: LazyLoader<Session>,
}

/// How often a loader lets others go first, for them to ask too. All who are asked for at once have asked
/// when that is over.
const YIELD_COUNT: usize = 1;

impl Loaders {
    pub(super) fn new(services: Arc<Services>) -> Self {
        let (users, books, sessions) = Default::default();
        Self { services, users, books, sessions }
    }

    fn of<'a, R: Loadable>(
        &self,
        lazy: &'a LazyLoader<R>,
    ) -> &'a Loader<R::Id, LoadResult<R>, BatchLoader<R>> {
        lazy.get_or_init(|| {
            let batch = BatchLoader(Arc::clone(&self.services), std::marker::PhantomData);
            Loader::new(batch).with_yield_count(YIELD_COUNT)
        })
    }

    pub(super) async fn user(&self, id: UserId) -> LoadResult<Profile> {
        self.of(&self.users).load(id).await
    }

    /// Forgets all rows: what was read for one event is old when the next one comes.
    pub(super) async fn clear(&self) {
        self.of(&self.users).clear_all().await;
        self.of(&self.books).clear_all().await;
        self.of(&self.sessions).clear_all().await;
    }

    /// Remembers an account that is known already, so that nobody asks for it.
    pub(super) async fn prime_user(&self, user: Profile) {
        self.of(&self.users).clear(user.id).await;
        self.of(&self.users).prime(user.id, Ok(Some(Arc::new(user)))).await;
    }

    /// The book with this id, whoever owns it.
    pub(super) async fn book(&self, id: BookId) -> LoadResult<Book> {
        self.of(&self.books).load(id).await
    }

    /// The session with this id if it is alive, whoever's it is.
    pub(super) async fn session(&self, id: SessionId) -> LoadResult<Session> {
        self.of(&self.sessions).load(id).await
    }
}

impl Debug for Loaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loaders")
    }
}
