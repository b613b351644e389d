//! An import that runs: reads a batch on another thread while the batch before it is written.

use futures_util::FutureExt;
use tokio::task::{JoinHandle, spawn_blocking, yield_now};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::batch::FileBatch;
use super::library::Library;
use super::planner::{Plan, Planner};
use super::retries::{RETRY_DELAYS, with_retries};
use crate::book_files::BookFileReader;
use crate::clock::Clock;
use crate::store::error::error_chain;
use crate::store::events::{BookChange, ChangeKind};
use crate::store::imports::{BatchOutcome, ImportJob, ImportState};
use crate::store::{Store, StoreError};

/// How often a batch is planned again if the library has changed since it was read. That is rare: the same book must change.
const MAX_CONFLICTS: usize = 20;

/// How many changes of books an import publishes as single events. Subscribers may be behind by twice as many.
const MAX_EVENTS: usize = 32;

/// An import that runs.
pub(super) struct Run {
    store: Store,
    clock: Clock,
    job: ImportJob,
    /// `None` while another thread has it.
    planner: Option<Planner>,
    published: usize,
    /// Whether books have changed without events.
    unpublished: bool,
}

/// Why an import ended before the end of its file.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("the server is shutting down")]
    Stopped,
    /// The import counted as abandoned, or its account was deleted.
    #[error("it was ended by another process, or with its account")]
    Ended,
    #[error("the library changed again and again")]
    Conflicts,
    #[error("a bug in Bookshelf")]
    Panicked,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Run {
    pub(super) fn new(store: Store, clock: Clock, job: ImportJob, planner: Planner) -> Self {
        let planner = Some(planner);
        Self { store, clock, job, planner, published: 0, unpublished: false }
    }

    /// Imports all rows, and records that the import has ended. `permit` is dropped before: who sees that it has ended
    /// may start another.
    pub(super) async fn import_all(
        mut self,
        reader: BookFileReader,
        stop: CancellationToken,
        permit: impl Send,
    ) {
        if let Err(error) = self.store.imports().remove_oldest(self.job.owner_id).await {
            self.store.report_failure(&error, "removing old imports failed, will retry");
        }
        let done = self.import(reader, &stop).await;
        drop(permit);
        let state = if done.is_ok() { ImportState::Done } else { ImportState::Failed };
        let ImportJob { owner_id, id, .. } = self.job;
        let run = &self;
        let finish = move || {
            async move { run.store.imports().finish(owner_id, id, state, run.clock.now()).await }
                .boxed()
        };
        // If it cannot be written, the import counts as abandoned later.
        if let Err(error) = with_retries(finish).await {
            self.store.report_failure(&error, "recording the end of an import failed");
        }
        if self.unpublished {
            self.store.imports().publish_library_changed(owner_id).await;
        }
        let ImportJob { total, created, updated, skipped, failed, .. } = self.job;
        let cause = done.as_ref().err().map(|error| error_chain(error));
        match done {
            Err(RunError::Panicked | RunError::Store(StoreError::Internal(_))) => {
                tracing::error!(import = %id, cause, "an import failed");
            }
            _ => {
                tracing::info!(
                    import = %id, ?state, total, created, updated, skipped, failed, cause, "import ended"
                );
            }
        }
    }

    async fn import(
        &mut self,
        reader: BookFileReader,
        stop: &CancellationToken,
    ) -> Result<(), RunError> {
        let mut next = read_batch(reader);
        loop {
            let (reader, batch) = next.await.map_err(|_| RunError::Panicked)?;
            if batch.rows.is_empty() {
                return Ok(());
            }
            if stop.is_cancelled() {
                return Err(RunError::Stopped);
            }
            next = read_batch(reader);
            self.write(batch).await?;
            yield_now().await;
        }
    }

    /// Plans a batch and writes it. If the library has changed since it was read, the batch is planned again.
    async fn write(&mut self, mut batch: FileBatch) -> Result<(), RunError> {
        for _ in 0..MAX_CONFLICTS {
            let library = Library::new(self.store.clone(), self.job.owner_id);
            let mut planner = self.planner.take().ok_or(RunError::Panicked)?;
            let planned = spawn_blocking(move || {
                let plan = planner.plan(&batch, &library);
                (planner, batch, plan)
            });
            let (planner, same_batch, plan) = planned.await.map_err(|_| RunError::Panicked)?;
            let planner = self.planner.insert(planner);
            batch = same_batch;
            let plan = plan?;
            match write_plan(&self.store, &self.clock, &mut self.job, &plan).await? {
                BatchOutcome::Written => {
                    self.publish(&plan).await;
                    return Ok(());
                }
                BatchOutcome::Conflict => planner.undo(&plan),
                BatchOutcome::Ended => return Err(RunError::Ended),
            }
        }
        Err(RunError::Conflicts)
    }

    /// Publishes the changes of a batch, unless the import changes many books: then its end is published.
    async fn publish(&mut self, plan: &Plan) {
        let books = &plan.batch.books;
        self.published += books.inserts.len() + books.updates.len();
        self.unpublished |= self.published > MAX_EVENTS;
        if self.unpublished || books.is_empty() {
            return;
        }
        let owner = self.job.owner_id;
        let created = books.inserts.iter().map(|(id, _)| (*id, ChangeKind::Created));
        let updated = books.updates.iter();
        let updated = updated.map(|update| (update.id, ChangeKind::Updated(update.version + 1)));
        let changes: Vec<_> =
            created.chain(updated).map(|(book, kind)| BookChange { owner, book, kind }).collect();
        self.store.imports().publish(&changes).await;
    }
}

async fn write_plan(
    store: &Store,
    clock: &Clock,
    job: &mut ImportJob,
    plan: &Plan,
) -> Result<BatchOutcome, StoreError> {
    let mut delays = RETRY_DELAYS.into_iter();
    loop {
        match store.imports().write_batch(job, &plan.batch, clock.now()).await {
            Err(error @ StoreError::Unavailable(_)) => match delays.next() {
                Some(delay) => sleep(delay).await,
                None => return Err(error),
            },
            result => return result,
        }
    }
}

/// Reads the next batch on a thread for blocking work.
fn read_batch(mut reader: BookFileReader) -> JoinHandle<(BookFileReader, FileBatch)> {
    spawn_blocking(move || {
        let batch = FileBatch::read(&mut reader);
        (reader, batch)
    })
}
