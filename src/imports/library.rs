//! Reads the library from a thread for blocking work.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use super::batch::FileBatch;
use super::retries::with_retries;
use crate::id::{BookId, UserId};
use crate::store::books::{Book, BookKeys};
use crate::store::library_size::LibrarySpace;
use crate::store::{Store, StoreError};

/// The library that a file is imported into.
#[derive(Clone, Debug)]
pub(super) struct Library {
    store: Store,
    owner: UserId,
    runtime: Handle,
}

impl Library {
    /// To be called on a thread of the runtime.
    pub(super) fn new(store: Store, owner: UserId) -> Self {
        Self { store, owner, runtime: Handle::current() }
    }

    /// How much the library may grow.
    pub(super) fn space(&self) -> Result<LibrarySpace, StoreError> {
        self.read(|| self.store.library_space(self.owner).boxed())
    }

    /// The keys of all books that the rows may mean.
    pub(super) fn keys(&self, file: &FileBatch) -> Result<Vec<BookKeys>, StoreError> {
        let (isbns, titles) = (file.isbns(), file.titles());
        let (isbns, titles) = (&isbns, &titles);
        self.read(move || {
            async move { self.store.books().find_keys(self.owner, isbns, titles).await }.boxed()
        })
    }

    /// The books with these ids, in no particular order.
    pub(super) fn books(&self, ids: &[BookId]) -> Result<Vec<Book>, StoreError> {
        self.read(move || {
            async move { self.store.books().find_by_ids(self.owner, ids).await }.boxed()
        })
    }

    fn read<'a, T>(
        &self,
        read: impl Fn() -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.runtime.block_on(with_retries(read))
    }
}
