//! Loads rows by id in batches: one statement for a list instead of one per row.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dataloader::BatchFn;
use dataloader::cached::Loader;

use super::services::Services;
use crate::byte_counter::ByteCounter;
use crate::id::{BookId, ImportId, SessionId, UserId};
use crate::store::StoreError;
use crate::store::books::{Book, BookColumns};
use crate::store::covers::Cover;
use crate::store::imports::ImportJob;
use crate::store::sessions::Session;
use crate::store::users::Profile;

/// A row that is loaded by its id.
trait Loadable: Clone + Send + Sync + 'static {
    type Id: Copy + Eq + Hash + Debug + Send + Sync + 'static;

    fn id(&self) -> Self::Id;
    fn find_many(
        services: &Services,
        ids: &[Self::Id],
        reads: &BookReads,
    ) -> impl Future<Output = Result<Vec<Self>, StoreError>> + Send;
}

impl Loadable for Profile {
    type Id = UserId;

    fn id(&self) -> UserId {
        self.id
    }

    async fn find_many(
        services: &Services,
        ids: &[UserId],
        _: &BookReads,
    ) -> Result<Vec<Self>, StoreError> {
        match ids {
            [id] => Ok(services.store.users().profile(*id).await?.into_iter().collect()),
            ids => services.store.users().profiles(ids).await,
        }
    }
}

/// How the books of a request are read.
#[derive(Debug)]
struct BookReads {
    /// Counts their text.
    bytes: Arc<ByteCounter>,
    /// All columns that the fields resolved so far have requested.
    columns: Mutex<BookColumns>,
}

impl BookReads {
    fn add(&self, columns: BookColumns) {
        let mut all = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        *all = all.union(columns);
    }

    fn columns(&self) -> BookColumns {
        *self.columns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of a book: its owner and its id.
type BookKey = (UserId, BookId);

impl Loadable for Book {
    type Id = BookKey;

    fn id(&self) -> BookKey {
        (self.owner_id, self.id)
    }

    async fn find_many(
        services: &Services,
        keys: &[BookKey],
        reads: &BookReads,
    ) -> Result<Vec<Self>, StoreError> {
        let (books, columns) = (services.store.books(), reads.columns());
        let mut found = Vec::new();
        for (owner, ids) in by_owner(keys) {
            found.extend(books.find_many(owner, &ids, columns, &reads.bytes).await?);
        }
        Ok(found)
    }
}

/// The ids of books by owner. A request usually reads books of one owner, its viewer.
fn by_owner(keys: &[BookKey]) -> BTreeMap<UserId, Vec<BookId>> {
    let mut ids: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (owner, id) in keys {
        ids.entry(*owner).or_default().push(*id);
    }
    ids
}

/// The cover of a book, by the key of the book.
impl Loadable for Cover {
    type Id = BookKey;

    fn id(&self) -> BookKey {
        (self.owner_id, self.book_id)
    }

    async fn find_many(
        services: &Services,
        keys: &[BookKey],
        _: &BookReads,
    ) -> Result<Vec<Self>, StoreError> {
        let mut found = Vec::new();
        for (owner, ids) in by_owner(keys) {
            found.extend(services.store.covers().find_many(owner, &ids).await?);
        }
        Ok(found)
    }
}

impl Loadable for Session {
    type Id = SessionId;

    fn id(&self) -> SessionId {
        self.id
    }

    async fn find_many(
        services: &Services,
        ids: &[SessionId],
        _: &BookReads,
    ) -> Result<Vec<Self>, StoreError> {
        services.store.sessions().find_many(ids, services.clock.now()).await
    }
}

impl Loadable for ImportJob {
    type Id = (UserId, ImportId);

    fn id(&self) -> (UserId, ImportId) {
        (self.owner_id, self.id)
    }

    async fn find_many(
        services: &Services,
        keys: &[(UserId, ImportId)],
        _: &BookReads,
    ) -> Result<Vec<Self>, StoreError> {
        let owners: BTreeSet<_> = keys.iter().map(|(owner, _)| *owner).collect();
        let mut found = Vec::new();
        for owner in owners {
            let ids: Vec<_> = keys.iter().filter(|key| key.0 == owner).map(|key| key.1).collect();
            found.extend(services.store.imports().find_many(owner, &ids).await?);
        }
        Ok(found)
    }
}

type LoadResult<R> = Result<Option<Arc<R>>, StoreError>;

/// Loads all ids that were requested together.
struct BatchLoader<R> {
    services: Arc<Services>,
    reads: Arc<BookReads>,
    row: std::marker::PhantomData<fn() -> R>,
}

impl<R: Loadable> BatchFn<R::Id, LoadResult<R>> for BatchLoader<R> {
    async fn load(&mut self, ids: &[R::Id]) -> HashMap<R::Id, LoadResult<R>> {
        match R::find_many(&self.services, ids, &self.reads).await {
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

/// The loaders of one request, each created on first use. A loader reads a row once and caches it. The
/// loaders of a subscription are cleared between two events.
pub(crate) struct Loaders {
    services: Arc<Services>,
    reads: Arc<BookReads>,
    users: LazyLoader<Profile>,
    books: LazyLoader<Book>,
    covers: LazyLoader<Cover>,
    sessions: LazyLoader<Session>,
    imports: LazyLoader<ImportJob>,
}

/// How often a loader yields before it reads a batch, so that other fields can add their ids. After one
/// yield, all fields that are resolved concurrently have added theirs.
const YIELD_COUNT: usize = 1;

impl Loaders {
    pub(super) fn new(services: Arc<Services>, read: Arc<ByteCounter>) -> Self {
        let (users, books, covers, sessions, imports) = Default::default();
        let reads = Arc::new(BookReads { bytes: read, columns: Mutex::default() });
        Self { services, reads, users, books, covers, sessions, imports }
    }

    fn loader<'a, R: Loadable>(
        &self,
        lazy: &'a LazyLoader<R>,
    ) -> &'a Loader<R::Id, LoadResult<R>, BatchLoader<R>> {
        lazy.get_or_init(|| {
            let (services, reads) = (Arc::clone(&self.services), Arc::clone(&self.reads));
            let row = std::marker::PhantomData;
            Loader::new(BatchLoader { services, reads, row }).with_yield_count(YIELD_COUNT)
        })
    }

    pub(super) async fn user(&self, id: UserId) -> LoadResult<Profile> {
        self.loader(&self.users).load(id).await
    }

    /// Removes all cached rows: those that were read for one event are outdated at the next.
    pub(super) async fn clear(&self) {
        self.loader(&self.users).clear_all().await;
        self.loader(&self.books).clear_all().await;
        self.loader(&self.covers).clear_all().await;
        self.loader(&self.sessions).clear_all().await;
        self.loader(&self.imports).clear_all().await;
    }

    /// Caches an account that was already read, so that it is not queried again.
    pub(super) async fn prime_user(&self, user: Profile) {
        self.loader(&self.users).clear(user.id).await;
        self.loader(&self.users).prime(user.id, Ok(Some(Arc::new(user)))).await;
    }

    /// At least these columns of the owner's book with this id.
    pub(super) async fn book(
        &self,
        owner: UserId,
        id: BookId,
        columns: BookColumns,
    ) -> LoadResult<Book> {
        self.reads.add(columns);
        let (books, key) = (self.loader(&self.books), (owner, id));
        match books.load(key).await? {
            // An earlier field read fewer columns.
            Some(book) if !book.has(columns) => {
                books.clear(key).await;
                books.load(key).await
            }
            book => Ok(book),
        }
    }

    /// The cover of the owner's book with this id; `None` if it has none.
    pub(super) async fn cover(&self, owner: UserId, book: BookId) -> LoadResult<Cover> {
        self.loader(&self.covers).load((owner, book)).await
    }

    /// Removes the cover of a book from the cache, since it was changed.
    pub(super) async fn clear_cover(&self, owner: UserId, book: BookId) {
        self.loader(&self.covers).clear((owner, book)).await;
    }

    /// The owner's import with this id.
    pub(super) async fn import(&self, owner: UserId, id: ImportId) -> LoadResult<ImportJob> {
        self.loader(&self.imports).load((owner, id)).await
    }

    /// The session with this id, of any user; `None` if it has expired or ended.
    pub(super) async fn session(&self, id: SessionId) -> LoadResult<Session> {
        self.loader(&self.sessions).load(id).await
    }
}

impl Debug for Loaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loaders")
    }
}
