//! `bookshelf import`: imports a file into an account. Works while servers run.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::ctrl_c;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::output::{print, report};
use super::user::find_user;
use crate::book_files::MAX_FILE_BYTES;
use crate::clock::Clock;
use crate::config::Config;
use crate::id::IdGenerator;
use crate::imports::{Imports, NewImport, StartError};
use crate::store::imports::{ConflictRule, ImportAction, ImportJob, ImportState};
use crate::store::page::{End, PageRequest};
use crate::store::{Store, StoreError};

/// How often the progress is shown.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// How long the progress cannot be read before the command gives up. The import itself gives up earlier.
const UNAVAILABLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How many rows that failed are listed.
const LISTED_FAILURES: usize = 20;

#[derive(Clone, Debug, Args)]
pub(super) struct ImportArguments {
    /// A CSV file of Goodreads or StoryGraph, or a CSV or JSON file of Bookshelf
    file: PathBuf,
    /// The email address of the account
    #[arg(long, value_name = "EMAIL")]
    user: String,
    /// Write no books; only report what would happen
    #[arg(long)]
    dry_run: bool,
    /// What happens to books that the library already has
    #[arg(long, value_enum, default_value = "keep", value_name = "RULE")]
    on_conflict: OnConflict,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnConflict {
    /// Fill what is empty, and overwrite nothing
    Keep,
    /// Overwrite what the file has a value for
    Replace,
}

pub(super) async fn run(config: Config, arguments: ImportArguments) -> anyhow::Result<()> {
    let store = Store::open(&config).await?;
    store.migrate().await?;
    let done = import(&store, arguments).await;
    store.close().await;
    done
}

async fn import(store: &Store, arguments: ImportArguments) -> anyhow::Result<()> {
    let ImportArguments { file, user, dry_run, on_conflict } = arguments;
    let owner = find_user(store, &user).await?.id;
    let content = {
        let path = file.clone();
        let content = spawn_blocking(move || read(&path)).await?;
        content.with_context(|| format!("cannot read {}", file.display()))?
    };
    let on_conflict = match on_conflict {
        OnConflict::Keep => ConflictRule::Keep,
        OnConflict::Replace => ConflictRule::Replace,
    };
    let clock = Clock::system();
    let ids = Arc::new(IdGenerator::new(clock.clone()));
    let imports = Imports::new(store.clone(), clock, ids, 1);
    let new = NewImport { owner, content: content.into(), source: None, dry_run, on_conflict };
    let job = imports.start(new).await.map_err(|error| match error {
        StartError::Busy => anyhow!("another import of this account is running"),
        error => error.into(),
    })?;
    let ended = tokio::select! {
        job = follow(store, job) => job,
        interrupted = ctrl_c() => Err(match interrupted {
            Ok(()) => anyhow!("interrupted; the books that were imported so far stay"),
            Err(error) => anyhow!(error).context("cannot wait for SIGINT"),
        }),
    };
    // The import uses the store, which is closed next.
    imports.stop().await;
    let job = ended?;
    print(&summary(&job)?)?;
    list_failures(store, &job).await?;
    match job.state {
        ImportState::Failed => bail!("the import ended before the end of the file"),
        ImportState::Done | ImportState::Running => Ok(()),
    }
}

/// Reads a file, up to one byte more than an import accepts.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Shows the progress on a terminal until the import has ended.
async fn follow(store: &Store, started: ImportJob) -> anyhow::Result<ImportJob> {
    let bar = match io::stderr().is_terminal() {
        true => ProgressBar::new(u64::try_from(started.total).unwrap_or(0)),
        false => ProgressBar::hidden(),
    };
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {human_pos} of {human_len} rows, {eta} left",
    )?);
    let mut last_read = Instant::now();
    loop {
        let job = match store.imports().find(started.owner_id, started.id).await {
            Err(StoreError::Unavailable(_)) if last_read.elapsed() < UNAVAILABLE_TIMEOUT => {
                sleep(PROGRESS_INTERVAL).await;
                continue;
            }
            found => found?,
        };
        last_read = Instant::now();
        let job = job.context("the account was deleted meanwhile")?;
        bar.set_position(u64::try_from(job.counts().of(None)).unwrap_or(0));
        if !job.is_running() {
            bar.finish_and_clear();
            return Ok(job);
        }
        sleep(PROGRESS_INTERVAL).await;
    }
}

fn summary(job: &ImportJob) -> anyhow::Result<String> {
    let ImportJob { total, created, updated, skipped, failed, .. } = job;
    let mut text = String::new();
    if job.dry_run {
        writeln!(text, "dry run: no books were written")?;
    }
    let processed = job.counts().of(None);
    writeln!(
        text,
        "{processed} of {total} rows: {created} created, {updated} updated, {skipped} skipped, {failed} failed"
    )?;
    Ok(text)
}

async fn list_failures(store: &Store, job: &ImportJob) -> anyhow::Result<()> {
    let page = PageRequest { limit: LISTED_FAILURES, end: End::Front, after: None, before: None };
    let failed = Some(ImportAction::Failed);
    let failures = store.imports().rows(job.owner_id, job.id, failed, &page).await?;
    for row in failures.rows {
        let title = row.title.map(|title| format!(" ({title})")).unwrap_or_default();
        let notes = row.notes.unwrap_or_default().replace('\n', "; ");
        report(&format!("line {}{title}: {notes}", row.line));
    }
    if failures.more {
        report(&format!("… and {} more", job.failed - i32::try_from(LISTED_FAILURES)?));
    }
    Ok(())
}
