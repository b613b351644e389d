//! Covers: images of books. An uploaded image is decoded, reduced to three sizes and encoded again, so that what is
//! stored and served was written by this program. The files are in a folder or in a bucket of S3.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::config::{Config, aws_variables};
use crate::id::UserId;

mod image;
mod key;
mod pool;
mod storage;

pub(crate) use image::{CoverImages, ImageError};
pub(crate) use key::{CoverKey, CoverSize};
pub(crate) use storage::sweep::SweepError;
pub(crate) use storage::{CoverFile, StorageError};

#[cfg(any(test, fuzzing))]
pub(crate) use image::process as process_image;

use pool::ImagePool;
use storage::Storage;

/// Processes images, and stores the files of covers. A clone shares its thread and its storage.
#[derive(Clone)]
pub(crate) struct Covers {
    pool: ImagePool,
    storage: Storage,
}

impl Covers {
    /// Opens the storage and checks that files can be written to it. Creates its folder.
    ///
    /// # Errors
    /// If the folder or the bucket cannot be written to, or the thread cannot be started.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let storage = Storage::open(&config.covers_url, &config.database, &aws_variables()).await?;
        let pool = ImagePool::new(config.limits.cover_queue)?;
        Ok(Self { pool, storage })
    }

    /// Decodes an image of an account and makes the files of a cover. Waits for the images before it.
    pub(crate) async fn process(
        &self,
        account: UserId,
        file: Bytes,
    ) -> Result<CoverImages, ImageError> {
        // Does not wait for the others if it is certainly refused.
        image::check(&file)?;
        self.pool.run(account, move || image::process(&file)).await
    }

    /// Stores the files of a new cover. If it fails, or the process ends before, some files may remain, which
    /// [`Self::sweep`] removes. To be called before the row with the key is written.
    pub(crate) async fn put(
        &self,
        key: &CoverKey,
        images: CoverImages,
    ) -> Result<(), StorageError> {
        self.storage.put(key, images).await
    }

    /// A file of a cover; `None` if it does not exist.
    pub(crate) async fn get(
        &self,
        key: &CoverKey,
        size: CoverSize,
    ) -> Result<Option<CoverFile>, StorageError> {
        self.storage.get(key, size).await
    }

    /// Removes the files of a cover, if they exist. To be called after its row is removed.
    pub(crate) async fn delete(&self, key: &CoverKey) -> Result<(), StorageError> {
        self.storage.delete(key).await
    }

    /// Removes the covers without a row whose files are older than an hour. `rows` returns which of some keys have a
    /// row; at most a thousand at once. Returns the number of removed covers.
    pub(crate) async fn sweep<E>(
        &self,
        now: Timestamp,
        rows: impl AsyncFnMut(&[CoverKey]) -> Result<HashSet<CoverKey>, E>,
    ) -> Result<usize, SweepError<E>> {
        self.storage.sweep(now, rows).await
    }
}

impl fmt::Debug for Covers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Covers").field("storage", &self.storage).finish_non_exhaustive()
    }
}
