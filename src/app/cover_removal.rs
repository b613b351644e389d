//! Removes the files of covers that are no longer covers of books.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::ready;
use futures_util::stream::{self, StreamExt};
use tokio::time::{sleep, timeout};

use crate::covers::CoverKey;
use crate::graphql::Services;
use crate::store::error::error_chain;
use crate::store::{Store, StoreError};

/// How often the queue is read, for what other instances and commands have queued and for failed attempts.
const INTERVAL: Duration = Duration::from_secs(20);

/// The pause between two readings of the queue. Removals within it are one reading.
const PAUSE: Duration = Duration::from_secs(1);

/// How many keys are read at a time.
const BATCH_SIZE: u64 = 100;

/// Of how many covers the files are removed at once.
const AT_ONCE: usize = 16;

/// How often files without a row are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(86_400);

/// Removes the files of queued covers: at start, soon after a change of this instance, and at every [`INTERVAL`].
/// Several instances may remove the same files.
pub(super) async fn remove_queued(services: Arc<Services>) {
    loop {
        if let Err(error) = remove_all(&services).await {
            services.store.report_failure(&error, "reading the removed covers failed, will retry");
        }
        sleep(PAUSE).await;
        // After the interval, the queue is read too.
        let _ = timeout(INTERVAL, services.store.covers().removal_requested()).await;
    }
}

/// Reads the queue once. A cover whose files cannot be removed stays in it, and does not delay the others.
async fn remove_all(services: &Services) -> Result<(), StoreError> {
    let queue = services.store.covers();
    let mut after = String::new();
    loop {
        let keys = queue.queued_for_removal(&after, BATCH_SIZE).await?;
        let Some(last) = keys.last().cloned() else { return Ok(()) };
        after = last;
        let removed = stream::iter(keys)
            .map(|key| async move { remove_files(services, &key).await.then_some(key) })
            .buffer_unordered(AT_ONCE)
            .filter_map(ready)
            .collect()
            .await;
        queue.files_removed(removed).await?;
    }
}

/// Whether the files of a cover no longer exist. A text that is not a key has no files.
async fn remove_files(services: &Services, key: &str) -> bool {
    let Ok(key) = key.parse::<CoverKey>() else { return true };
    match services.covers.delete(&key).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(cause = %error_chain(&error), "removing a cover failed, will retry");
            false
        }
    }
}

/// Removes files without a row, which a crash leaves behind: at start, and at every [`SWEEP_INTERVAL`].
pub(super) async fn sweep(services: Arc<Services>) {
    loop {
        // Neither an async closure nor a borrowing one: the future would not be `Send`.
        let store = services.store.clone();
        let rows = move |keys: &[CoverKey]| {
            let keys = keys.iter().map(ToString::to_string).collect();
            with_row(store.clone(), keys)
        };
        match services.covers.sweep(services.clock.now(), rows).await {
            Ok(0) => {}
            Ok(covers) => tracing::info!(covers, "removed files of covers without a book"),
            Err(error) => {
                tracing::warn!(cause = %error_chain(&error), "looking for files without a book failed, will retry");
            }
        }
        sleep(SWEEP_INTERVAL).await;
    }
}

/// Those of the keys that have a row.
async fn with_row(store: Store, keys: Vec<String>) -> Result<HashSet<CoverKey>, StoreError> {
    let in_use = store.covers().in_use(keys).await?;
    Ok(in_use.iter().filter_map(|key| key.parse().ok()).collect())
}
