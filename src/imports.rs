//! Imports of book files, which run in the background.
//!
//! A file is checked as a whole before its import is accepted. Then it is read in batches, which are matched to the library
//! and written. Each batch is one transaction. The file is in the memory of this process only, so
//! an import whose process ends does not continue: it ends as failed, and what it has written stays.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::book_files::{BookFileReader, Source, UnsupportedFile};
use crate::clock::Clock;
use crate::id::{IdGenerator, UserId};
use crate::store::imports::{ConflictRule, ImportJob, ImportSource, ImportState, StartOutcome};
use crate::store::{Store, StoreError};

mod batch;
mod library;
mod merge;
mod planner;
mod retries;
mod run;
mod shelf;
mod survey;

use planner::Planner;
use run::Run;
use survey::Survey;

/// How often a server ends abandoned imports.
const ABANDONED_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// How long the shutdown waits until all imports have stopped. A batch takes a small part of a second.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A file to import.
#[derive(Clone, Debug)]
pub(crate) struct NewImport {
    pub(crate) owner: UserId,
    pub(crate) content: Bytes,
    /// `None`: the header of the file decides.
    pub(crate) source: Option<Source>,
    pub(crate) dry_run: bool,
    pub(crate) on_conflict: ConflictRule,
}

/// Why an import was not started.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Unsupported(UnsupportedFile),
    /// Another import of the account runs, or too many imports of this process.
    #[error("another import is running; please try again when it has ended")]
    Busy,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Starts imports. Clones share one state.
#[derive(Clone, Debug)]
pub(crate) struct Imports(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    clock: Clock,
    ids: Arc<IdGenerator>,
    /// One permit for each import that may run at once in this process.
    slots: Arc<Semaphore>,
    /// The accounts whose files are read or imported by this process.
    owners: Mutex<HashSet<UserId>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Imports {
    /// `at_once` is the number of imports that this process runs at once.
    pub(crate) fn new(store: Store, clock: Clock, ids: Arc<IdGenerator>, at_once: usize) -> Self {
        Self(Arc::new(Shared {
            store,
            clock,
            ids,
            slots: Arc::new(Semaphore::new(at_once)),
            owners: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Checks the file and starts to import it. When this returns, the import exists.
    pub(crate) async fn start(&self, new: NewImport) -> Result<ImportJob, StartError> {
        let shared = &self.0;
        if shared.stop.is_cancelled() {
            return Err(StartError::Busy);
        }
        // Both bound the work of this process. That an account has one import, also on other instances, the database
        // decides when the job is inserted.
        let slot = Arc::clone(&shared.slots).try_acquire_owned().map_err(|_| StartError::Busy)?;
        let only = OnlyImport::new(shared, new.owner).ok_or(StartError::Busy)?;

        let (content, source, dry_run) = (new.content, new.source, new.dry_run);
        let opened = spawn_blocking(move || {
            let reader = BookFileReader::open(content.clone(), source)?;
            let survey = Survey::new(reader, dry_run);
            Ok((BookFileReader::open(content, source)?, survey))
        });
        let opened =
            opened.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let (reader, survey) = opened.map_err(StartError::Unsupported)?;

        let job = ImportJob {
            owner_id: new.owner,
            id: shared.ids.next(),
            source: stored_source(reader.source()),
            dry_run,
            on_conflict: new.on_conflict,
            state: ImportState::Running,
            total: i32::try_from(reader.row_count()).unwrap_or(i32::MAX),
            created: 0,
            updated: 0,
            skipped: 0,
            failed: 0,
            started_at: shared.clock.now(),
            finished_at: None,
        };
        match shared.store.imports().start(&job).await? {
            StartOutcome::Started => {}
            StartOutcome::AlreadyRunning => return Err(StartError::Busy),
        }
        let planner = Planner::new(&job, Arc::clone(&shared.ids), survey);
        let run = Run::new(shared.store.clone(), shared.clock.clone(), job.clone(), planner);
        let stop = shared.stop.clone();
        shared.tasks.spawn(run.import_all(reader, stop, (slot, only)));
        Ok(job)
    }

    /// Ends abandoned imports, now and at every [`ABANDONED_CHECK_INTERVAL`]. For servers.
    pub(crate) async fn watch_abandoned(&self) {
        loop {
            let Shared { store, clock, .. } = &*self.0;
            if let Err(error) = store.imports().end_abandoned(None, clock.now()).await {
                store.report_failure(&error, "ending abandoned imports failed, will retry");
            }
            tokio::time::sleep(ABANDONED_CHECK_INTERVAL).await;
        }
    }

    /// Stops all imports after the batch that they write, and waits for them. They end as failed.
    pub(crate) async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        if timeout(STOP_TIMEOUT, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("some imports did not stop in time");
        }
    }
}

/// The only import of an account in this process, until it is dropped.
struct OnlyImport {
    shared: Arc<Shared>,
    owner: UserId,
}

impl OnlyImport {
    fn new(shared: &Arc<Shared>, owner: UserId) -> Option<Self> {
        let is_new = shared.owners().insert(owner);
        is_new.then(|| Self { shared: Arc::clone(shared), owner })
    }
}

impl Drop for OnlyImport {
    fn drop(&mut self) {
        self.shared.owners().remove(&self.owner);
    }
}

impl Shared {
    fn owners(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stored_source(source: Source) -> ImportSource {
    match source {
        Source::Goodreads => ImportSource::Goodreads,
        Source::Storygraph => ImportSource::Storygraph,
        Source::BookshelfCsv => ImportSource::BookshelfCsv,
        Source::BookshelfJson => ImportSource::BookshelfJson,
    }
}
