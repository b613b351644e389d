//! The mutation that imports a file.

use std::time::Duration;

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject, Upload};

use crate::book_files::{Source, UnsupportedFile};
use crate::graphql::context::ContextExt;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::types::import_job::{ImportJob, ImportSource};
use crate::graphql::types::user_error::{UserError, UserErrorCode};
use crate::graphql::upload;
use crate::imports::{NewImport, StartError};
use crate::store::imports::ConflictRule;

/// When a client may try again while another import runs.
const RETRY_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct ImportMutation;

/// What happens to a book that the library already has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "ConflictRule")]
enum ImportConflict {
    /// What is empty in the library is filled from the file. Nothing is overwritten.
    Keep,
    /// What the file has a value for is overwritten.
    Replace,
}

/// The file to import.
#[derive(InputObject)]
struct ImportBooksInput {
    /// A file of at most 20 MiB and 100,000 rows.
    file: Upload,
    /// The format of the file.
    #[graphql(default_with = "ImportSource::Auto")]
    source: ImportSource,
    /// Whether to write no books, and only to report what would become of each row.
    #[graphql(default = false)]
    dry_run: bool,
    /// What happens to a book that the library already has.
    #[graphql(default_with = "ImportConflict::Keep")]
    on_conflict: ImportConflict,
}

/// The result of `importBooks`.
#[derive(Debug, Default, SimpleObject)]
struct ImportBooksPayload {
    /// The import, which runs in the background; null if there are errors.
    job: Option<ImportJob>,
    /// Why the file is not imported; empty on success.
    user_errors: Vec<UserError>,
}

#[Object]
impl ImportMutation {
    /// Starts to import a file of books into the viewer's library. A row is a book of the library if the ISBN is the
    /// same, else if title and author are the same regardless of case and accents and the book has no other ISBN. An
    /// account can have one running import; another is rejected with `RATE_LIMITED`.
    async fn import_books(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file to import.")] input: ImportBooksInput,
    ) -> Result<ImportBooksPayload> {
        let owner = ctx.viewer()?.user;
        let ImportBooksInput { file, source, dry_run, on_conflict } = input;
        let content = upload::content(ctx, file)?;
        let source = source_of_file(source);
        let on_conflict = on_conflict.into();
        let new = NewImport { owner, content, source, dry_run, on_conflict };
        match ctx.imports().start(new).await {
            Ok(job) => {
                Ok(ImportBooksPayload { job: Some(ImportJob::new(job)), user_errors: Vec::new() })
            }
            Err(StartError::Unsupported(unsupported)) => {
                let user_errors = vec![unsupported_file(&unsupported)];
                Ok(ImportBooksPayload { job: None, user_errors })
            }
            Err(StartError::Busy) => Err(ApiError::RateLimited { retry_after: RETRY_AFTER }),
            Err(StartError::Store(error)) => Err(error.into()),
        }
    }
}

/// `None`: the header of the file decides.
fn source_of_file(source: ImportSource) -> Option<Source> {
    match source {
        ImportSource::Auto => None,
        ImportSource::Goodreads => Some(Source::Goodreads),
        ImportSource::Storygraph => Some(Source::Storygraph),
        ImportSource::BookshelfCsv => Some(Source::BookshelfCsv),
        ImportSource::BookshelfJson => Some(Source::BookshelfJson),
    }
}

fn unsupported_file(unsupported: &UnsupportedFile) -> UserError {
    let code = match unsupported.is_too_large() {
        true => UserErrorCode::FileTooLarge,
        false => UserErrorCode::UnsupportedFile,
    };
    UserError::new(code, &["input", "file"], unsupported.to_string())
}
