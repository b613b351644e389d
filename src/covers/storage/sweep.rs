//! Removes files without a row. They remain if the process ends, or the storage fails, between a file and its row.

use std::collections::{HashMap, HashSet};
use std::path::Path as FilePath;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::stream::TryStreamExt;

use super::{Storage, StorageError};
use crate::clock::Timestamp;
use crate::covers::key::CoverKey;

/// Younger files are kept: their row may be about to be written.
const MIN_AGE: Duration = Duration::from_secs(3_600);

/// How many files are compared with rows at once.
const BATCH: usize = 1_000;

/// More covers without a row than this, and than covers with one, are not what crashes leave behind.
const MAX_WITHOUT_ROW: usize = 100;

/// The files without a row could not be removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError<E> {
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Nothing was removed: the storage probably belongs to another database.
    #[error(
        "{covers} covers, most of those in the storage, belong to no book of the database: DATABASE_URL or COVERS_URL \
         may be that of another server"
    )]
    OtherDatabase {
        /// The number of covers without a row.
        covers: usize,
    },
    /// The rows could not be read.
    #[error(transparent)]
    Rows(E),
}

impl Storage {
    /// Removes the covers without a row whose files are all older than an hour. `rows` returns which of some keys
    /// have a row. Returns the number of removed covers.
    pub(in super::super) async fn sweep<E>(
        &self,
        now: Timestamp,
        mut rows: impl AsyncFnMut(&[CoverKey]) -> Result<HashSet<CoverKey>, E>,
    ) -> Result<usize, SweepError<E>> {
        let (mut without_row, mut with_row) = (Vec::new(), 0);
        let mut files = Box::pin(self.list().try_chunks(BATCH));
        while let Some(batch) = files.try_next().await.map_err(|error| error.1)? {
            // The files of one cover may be in several batches. Each one is old enough by itself, then.
            let mut newest: HashMap<CoverKey, Timestamp> = HashMap::new();
            for (key, changed) in batch {
                let newest = newest.entry(key).or_insert(changed);
                *newest = changed.max(*newest);
            }
            let old = newest.into_iter().filter(|(_, changed)| *changed + MIN_AGE < now);
            let old: Vec<CoverKey> = old.map(|(key, _)| key).collect();
            if old.is_empty() {
                continue;
            }
            let found = rows(&old).await.map_err(SweepError::Rows)?;
            with_row += found.len();
            without_row.extend(old.into_iter().filter(|key| !found.contains(key)));
        }
        if without_row.len() > MAX_WITHOUT_ROW.max(with_row) {
            return Err(SweepError::OtherDatabase { covers: without_row.len() });
        }
        let mut removed = 0;
        for key in without_row {
            match self.delete(&key).await {
                Ok(()) => removed += 1,
                Err(error) => {
                    tracing::warn!(%error, "removing a cover without a book failed, will retry");
                }
            }
        }
        if let Some(folder) = self.folder.clone() {
            let staged = tokio::task::spawn_blocking(move || remove_staged_files(&folder, now));
            staged
                .await
                .map_err(std::io::Error::other)
                .and_then(|done| done)
                .map_err(StorageError::Io)?;
        }
        Ok(removed)
    }
}

/// Removes the files that were being written when a process ended: the store writes to `NAME#1` and does not list
/// such files.
fn remove_staged_files(folder: &FilePath, now: Timestamp) -> std::io::Result<()> {
    for shard in std::fs::read_dir(folder)? {
        let shard = shard?;
        if !shard.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(shard.path())? {
            let file = file?;
            let name = file.file_name();
            let Some((name, number)) = name.to_str().and_then(|name| name.split_once('#')) else {
                continue;
            };
            let is_ours =
                name.split_once('-').is_some_and(|(key, _)| key.parse::<CoverKey>().is_ok());
            if !is_ours || !number.bytes().all(|digit| digit.is_ascii_digit()) {
                continue;
            }
            let Ok(metadata) = file.metadata() else { continue };
            let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            if Timestamp::from_millis(0) + changed + MIN_AGE < now {
                match std::fs::remove_file(file.path()) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}
