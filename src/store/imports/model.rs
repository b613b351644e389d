//! An import as it is stored, and what its statements have in common.

use crate::clock::Timestamp;
use crate::entity::import_job;
pub(crate) use crate::entity::import_job::{ConflictRule, ImportSource, ImportState};
pub(crate) use crate::entity::import_row::ImportAction;
use crate::id::{ImportId, UserId};
use crate::store::Store;
use crate::store::db::row::row;
use crate::store::events::{BookChange, Event};

/// The statements about imports.
#[derive(Debug)]
pub(crate) struct Imports<'a>(pub(super) &'a Store);

impl Store {
    pub(crate) fn imports(&self) -> Imports<'_> {
        Imports(self)
    }
}

row! {
    /// An import of a file.
    pub(crate) struct ImportJob from import_job {
        owner_id: UserId = OwnerId,
        id: ImportId = Id,
        source: ImportSource = Source,
        dry_run: bool = DryRun,
        on_conflict: ConflictRule = OnConflict,
        state: ImportState = State,
        /// Rows of the file.
        total: i32 = Total,
        created: i32 = Created,
        updated: i32 = Updated,
        skipped: i32 = Skipped,
        failed: i32 = Failed,
        started_at: Timestamp = StartedAt,
        finished_at: Option<Timestamp> = FinishedAt,
    }
}

/// How many rows of an import had each result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportCounts {
    pub(crate) created: i32,
    pub(crate) updated: i32,
    pub(crate) skipped: i32,
    pub(crate) failed: i32,
}

impl ImportCounts {
    /// The rows with this result, or all.
    pub(crate) fn of(self, action: Option<ImportAction>) -> i32 {
        match action {
            Some(ImportAction::Created) => self.created,
            Some(ImportAction::Updated) => self.updated,
            Some(ImportAction::Skipped) => self.skipped,
            Some(ImportAction::Failed) => self.failed,
            None => self.created + self.updated + self.skipped + self.failed,
        }
    }

    pub(crate) fn add(&mut self, action: ImportAction) {
        *match action {
            ImportAction::Created => &mut self.created,
            ImportAction::Updated => &mut self.updated,
            ImportAction::Skipped => &mut self.skipped,
            ImportAction::Failed => &mut self.failed,
        } += 1;
    }
}

impl ImportJob {
    pub(crate) fn counts(&self) -> ImportCounts {
        let Self { created, updated, skipped, failed, .. } = *self;
        ImportCounts { created, updated, skipped, failed }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.state == ImportState::Running
    }
}

impl Imports<'_> {
    /// Publishes changes of a batch.
    pub(crate) async fn publish(&self, changes: &[BookChange]) {
        let events: Vec<_> = changes.iter().map(|change| Event::BookChanged(*change)).collect();
        self.0.events.publish(&events).await;
    }

    /// Publishes that many books have changed, of which no changes were published.
    pub(crate) async fn publish_library_changed(&self, owner: UserId) {
        self.0.events.publish(&[Event::LibraryChanged(owner)]).await;
    }
}
