//! Files of covers, in a folder or in a bucket of S3. The file `ab/KEY-small` has the small image of the key that
//! begins with `ab`, and so on. A file is written once, and never changes.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join3;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::image::CoverImages;
use super::key::{CoverKey, CoverSize};
use crate::clock::Timestamp;

mod open;
pub(super) mod sweep;

#[cfg(test)]
mod tests;

/// The time for one access to the storage, and for each part of a file to arrive.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The storage cannot be accessed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("the storage of covers did not answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("the storage of covers: {0}")]
    ObjectStore(#[from] object_store::Error),
    #[error("a file of a cover cannot be written: {0}")]
    Io(#[from] io::Error),
    #[error("a file of a cover has a content that this program does not write")]
    Damaged,
}

/// A file of a cover.
pub(crate) struct CoverFile {
    pub(crate) content_type: &'static str,
    /// The length in bytes.
    pub(crate) length: u64,
    /// A strong entity tag (RFC 9110, section 8.8.3), with its quotation marks. It is the same for all instances.
    pub(crate) etag: String,
    /// The content.
    pub(crate) body: BoxStream<'static, Result<Bytes, StorageError>>,
}

/// The place where files are stored.
#[derive(Clone)]
pub(super) struct Storage {
    store: Arc<dyn ObjectStore>,
    /// The folder, if it is one.
    folder: Option<PathBuf>,
    /// What the storage is, for log lines and errors.
    name: Arc<str>,
}

impl Storage {
    /// Writes the three files at once. When this returns without an error, they are on disk.
    pub(super) async fn put(
        &self,
        key: &CoverKey,
        images: CoverImages,
    ) -> Result<(), StorageError> {
        let put = |size| self.put_file(key, size, images.file(size).clone());
        try_join3(put(CoverSize::Small), put(CoverSize::Medium), put(CoverSize::Original)).await?;
        Ok(())
    }

    async fn put_file(
        &self,
        key: &CoverKey,
        size: CoverSize,
        content: Bytes,
    ) -> Result<(), StorageError> {
        let path = path(key, size);
        in_time(self.store.put(&path, content.into())).await?;
        Ok(())
    }

    /// Opens a file; `None` if it does not exist.
    pub(super) async fn get(
        &self,
        key: &CoverKey,
        size: CoverSize,
    ) -> Result<Option<CoverFile>, StorageError> {
        let file = match in_time(self.store.get(&path(key, size))).await {
            Err(StorageError::ObjectStore(object_store::Error::NotFound { .. })) => {
                return Ok(None);
            }
            file => file?,
        };
        let length = file.meta.size;
        let mut body = with_timeouts(file.into_stream());
        // Reads the first part, whose first bytes tell the type.
        let first = body.next().await.ok_or(StorageError::Damaged)??;
        let content_type = match first.get(..4) {
            Some([0xff, 0xd8, 0xff, _]) => "image/jpeg",
            Some(b"RIFF") => "image/webp",
            _ => return Err(StorageError::Damaged),
        };
        let body = futures_util::stream::iter([Ok(first)]).chain(body).boxed();
        let etag = format!("\"{key}-{}\"", size.as_str());
        Ok(Some(CoverFile { content_type, length, etag, body }))
    }

    /// Removes the files of a cover, if they exist.
    pub(super) async fn delete(&self, key: &CoverKey) -> Result<(), StorageError> {
        let delete = async |size| {
            let path = path(key, size);
            match in_time(self.store.delete(&path)).await {
                Err(StorageError::ObjectStore(object_store::Error::NotFound { .. })) => Ok(()),
                deleted => deleted,
            }
        };
        let all = CoverSize::ALL.map(delete);
        futures_util::future::join_all(all).await.into_iter().collect()
    }

    /// The key and the time of the last change of each file. Files with other names are left out.
    pub(super) fn list(
        &self,
    ) -> impl Stream<Item = Result<(CoverKey, Timestamp), StorageError>> + use<> {
        let files = with_timeouts(self.store.list(None));
        files.filter_map(async |file| match file {
            Ok(file) => {
                let changed = Timestamp::from_millis(file.last_modified.timestamp_millis());
                key_of(&file.location).map(|key| Ok((key, changed)))
            }
            Err(error) => Some(Err(error)),
        })
    }
}

/// Only the name, since a store may print its credentials.
impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Storage").field(&self.name).finish()
    }
}

impl fmt::Debug for CoverFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoverFile")
            .field("content_type", &self.content_type)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Where a file is. No folder gets too many files.
fn path(key: &CoverKey, size: CoverSize) -> Path {
    let key = key.to_string();
    Path::from_iter([&key[..2], &format!("{key}-{}", size.as_str())])
}

/// The opposite of [`path`]; `None` for any other path.
fn key_of(location: &Path) -> Option<CoverKey> {
    let (key, size) = location.filename()?.split_once('-')?;
    let (key, size) = (key.parse().ok()?, CoverSize::parse(size)?);
    (path(&key, size) == *location).then_some(key)
}

/// Waits for one access.
async fn in_time<T, E: Into<StorageError>>(
    access: impl Future<Output = Result<T, E>>,
) -> Result<T, StorageError> {
    match tokio::time::timeout(TIMEOUT, access).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(StorageError::Timeout),
    }
}

/// A stream that ends with an error if an element takes too long.
fn with_timeouts<T: Send + 'static>(
    stream: BoxStream<'static, object_store::Result<T>>,
) -> BoxStream<'static, Result<T, StorageError>> {
    let next = async |mut stream: BoxStream<'static, object_store::Result<T>>| {
        let next = async { stream.next().await.transpose() };
        Ok(in_time(next).await?.map(|element| (element, stream)))
    };
    futures_util::stream::try_unfold(stream, next).boxed()
}
