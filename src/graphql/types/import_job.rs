//! Imports of files.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};

use super::import_row::{ImportAction, ImportRowConnection};
use crate::auth::identity::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::scalars::DateTime;
use crate::id::ImportId;
use crate::store::imports;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum ImportSource {
    /// The format that the header of the file shows.
    Auto,
    /// The CSV file that Goodreads exports, with 24 or 31 columns.
    Goodreads,
    /// The CSV file that StoryGraph exports.
    Storygraph,
    /// The CSV file that this server exports.
    BookshelfCsv,
    /// The JSON file that this server exports.
    BookshelfJson,
}

impl From<imports::ImportSource> for ImportSource {
    fn from(source: imports::ImportSource) -> Self {
        match source {
            imports::ImportSource::Goodreads => Self::Goodreads,
            imports::ImportSource::Storygraph => Self::Storygraph,
            imports::ImportSource::BookshelfCsv => Self::BookshelfCsv,
            imports::ImportSource::BookshelfJson => Self::BookshelfJson,
        }
    }
}

/// Whether an import runs, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "imports::ImportState")]
pub(crate) enum ImportState {
    /// The import runs.
    Running,
    /// All rows were processed; some of them may have failed.
    Done,
    /// The import ended before all rows were processed, for example since the server was stopped. What it has
    /// written stays. Import the file again: it continues where it ended.
    Failed,
}

#[derive(Clone, Debug)]
pub(crate) struct ImportJob(pub(crate) Arc<imports::ImportJob>);

impl ImportJob {
    pub(in crate::graphql) fn new(row: imports::ImportJob) -> Self {
        Self(Arc::new(row))
    }

    /// The viewer's import with this id; `None` if it does not exist or belongs to another user.
    pub(in crate::graphql) async fn find(
        ctx: &Context<'_>,
        viewer: Viewer,
        id: ImportId,
    ) -> Result<Option<Self>> {
        let job = ctx.loaders().import(viewer.user, id).await?.filter(|job| viewer.owns(&**job));
        Ok(job.map(Self))
    }
}

/// An import of a file, which runs in the background. The latest 5 imports of an account are kept, for 30 days.
#[Object]
impl ImportJob {
    /// Id of the import, for `importJob`, `importProgress` and `node`.
    pub(super) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The format of the file, never `AUTO`.
    async fn source(&self) -> ImportSource {
        self.0.source.into()
    }

    /// Whether the import only reports what it would do.
    async fn dry_run(&self) -> bool {
        self.0.dry_run
    }

    /// Whether the import runs, and how it ended.
    async fn state(&self) -> ImportState {
        self.0.state.into()
    }

    /// Number of rows in the file.
    async fn total(&self) -> i32 {
        self.0.total
    }

    /// Number of rows so far that added a book.
    async fn created(&self) -> i32 {
        self.0.created
    }

    /// Number of rows so far that changed a book.
    async fn updated(&self) -> i32 {
        self.0.updated
    }

    /// Number of rows so far that changed nothing.
    async fn skipped(&self) -> i32 {
        self.0.skipped
    }

    /// Number of rows so far that could not be imported.
    async fn failed(&self) -> i32 {
        self.0.failed
    }

    /// What became of the rows so far, in the order of the file.
    async fn rows(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of rows, 1 to 100; 20 if absent or null.")] first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only rows with this result.")] action: Option<ImportAction>,
    ) -> Result<ImportRowConnection> {
        ImportRowConnection::load(ctx, Arc::clone(&self.0), first, after, action).await
    }

    /// When the import started.
    async fn started_at(&self) -> DateTime {
        DateTime(self.0.started_at)
    }

    /// When the import ended; null while it runs.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime)
    }
}
