//! `bookshelf export`: writes a library to a file or to standard output. Works while servers run.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use futures_util::TryStreamExt;
use tempfile::NamedTempFile;

use super::output::print_bytes;
use crate::book_files::BookFileFormat;
use crate::config::Config;
use crate::exports;
use crate::id::UserId;
use crate::input::email::Email;
use crate::store::Store;

#[derive(Clone, Debug, Args)]
pub(super) struct ExportArguments {
    /// The email address of the account
    #[arg(long, value_name = "EMAIL")]
    user: String,
    /// The format of the file
    #[arg(long, value_enum)]
    format: FileFormat,
    /// The file to write; by default standard output. An existing file is replaced when the new one is complete
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FileFormat {
    /// Without loss, for spreadsheets
    Csv,
    /// Without loss, for programs
    Json,
    /// As Goodreads exports, for other sites
    Goodreads,
}

pub(super) async fn run(config: Config, arguments: ExportArguments) -> anyhow::Result<()> {
    let store = Store::open(&config).await?;
    let done = export(&store, arguments).await;
    store.close().await;
    done
}

async fn export(store: &Store, arguments: ExportArguments) -> anyhow::Result<()> {
    let ExportArguments { user, format, file } = arguments;
    let email =
        Email::parse(&user).map_err(|error| anyhow!("invalid email address: {}", error.message))?;
    let user = store.users().find_by_email(&email).await?;
    let owner = user.ok_or_else(|| anyhow!("no account has this email address"))?.id;
    let format = match format {
        FileFormat::Csv => BookFileFormat::Csv,
        FileFormat::Json => BookFileFormat::Json,
        FileFormat::Goodreads => BookFileFormat::Goodreads,
    };
    match file {
        None => write(store, owner, format, print_bytes).await,
        Some(path) => {
            let written = write_file(store, owner, format, &path).await;
            written.with_context(|| format!("cannot write {}", path.display()))
        }
    }
}

/// Replaces a file when the new one is complete and on disk.
async fn write_file(
    store: &Store,
    owner: UserId,
    format: BookFileFormat,
    path: &Path,
) -> anyhow::Result<()> {
    // A device or a pipe is written to, not replaced.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let mut output = OpenOptions::new().write(true).open(path)?;
        return write(store, owner, format, |part| Ok(output.write_all(part)?)).await;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    write(store, owner, format, |part| Ok(file.write_all(part)?)).await?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

async fn write(
    store: &Store,
    owner: UserId,
    format: BookFileFormat,
    mut output: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut parts = pin!(exports::file(store.clone(), owner, format));
    while let Some(part) = parts.try_next().await? {
        output(&part)?;
    }
    Ok(())
}
