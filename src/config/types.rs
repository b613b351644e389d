//! Types of single settings.

use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use tempfile::TempDir;

use super::postgres::PostgresTarget;
use super::sqlite_url;

/// The file of the default database, relative to the working directory.
pub(super) const DEFAULT_FILE: &str = "data/bookshelf.db";

/// The database that stores the data. The default is the file `data/bookshelf.db`.
#[derive(Clone, Debug)]
pub enum Database {
    /// One file, created if it does not exist.
    Sqlite(PathBuf),
    /// A file in a temporary folder, for a trial. The folder is removed with the last clone of this value, or when the
    /// server stops.
    Temporary {
        /// The file.
        path: PathBuf,
        /// Its folder.
        folder: Arc<TempDir>,
    },
    /// A database of one or several PostgreSQL servers.
    Postgres(Box<PostgresTarget>),
}

impl Database {
    /// A new database in a temporary folder. The error describes why there is none.
    pub(super) fn temporary() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("bookshelf-").tempdir();
        let folder =
            folder.map_err(|error| format!("cannot create a temporary folder: {error}"))?;
        let path = folder.path().join("bookshelf.db");
        Ok(Self::Temporary { path, folder: Arc::new(folder) })
    }

    /// Removes the files of a database for a trial. To be called when the database is closed, since a task that was
    /// not dropped may still hold a clone.
    pub(crate) fn remove_temporary_files(&self) {
        if let Self::Temporary { folder, .. } = self {
            // An error means that it was removed already.
            let _ = std::fs::remove_dir_all(folder.path());
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from(DEFAULT_FILE))
    }
}

/// The URL, without secrets.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.write_str(&sqlite_url::format(path)),
            Self::Temporary { .. } => f.write_str(sqlite_url::MEMORY),
            Self::Postgres(target) => target.fmt(f),
        }
    }
}

/// Where the secrets of access tokens come from. The default is a file next to the default database.
#[derive(Clone, Debug)]
pub enum JwtSecrets {
    /// From the configuration: at least one secret, each at least 32 bytes.
    Configured(Vec<SecretString>),
    /// From a file next to the SQLite database. It is created at first start; only its owner can read it.
    GeneratedFile(PathBuf),
}

impl JwtSecrets {
    /// The file of the secret: `data/bookshelf.jwt-secret` for the database `data/bookshelf.db`.
    pub(super) fn next_to(database: &Path) -> Self {
        Self::GeneratedFile(database.with_extension("jwt-secret"))
    }
}

impl Default for JwtSecrets {
    fn default() -> Self {
        Self::next_to(Path::new(DEFAULT_FILE))
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line, for machines.
    Json,
    /// Text, for people.
    Pretty,
}

impl LogFormat {
    /// Text if standard output is a terminal, otherwise JSON.
    pub(super) fn for_stdout() -> Self {
        if std::io::stdout().is_terminal() { Self::Pretty } else { Self::Json }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Pretty => "pretty",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_trial_is_removed() {
        let database = Database::temporary().expect("a database");
        assert_eq!(database.to_string(), "sqlite::memory:");
        let Database::Temporary { path, .. } = &database else { panic!("{database:?}") };
        let folder = path.parent().expect("a folder").to_owned();
        assert!(folder.is_dir());
        drop(database);
        assert!(!folder.exists());
    }

    #[test]
    fn passwords_are_not_displayed() {
        for url in [
            "postgres://books:s3cr3t@db.example.org:5432/bookshelf",
            "postgres://books:s3cr3t@db.example.org:5432/bookshelf?password=s3cr3t",
            "postgres://books:s3%40cr3t%23s3cr3t@db.example.org/bookshelf",
        ] {
            let target = PostgresTarget::from_url(url).expect("a URL");
            let displayed = Database::Postgres(Box::new(target)).to_string();
            assert_eq!(displayed, "postgres://…@db.example.org:5432/bookshelf");
        }
        let error = PostgresTarget::from_url("postgres://books:s3c#ret@host/shelf");
        let error = error.expect_err("an unescaped #");
        assert!(!error.contains("s3c"), "{error}");
    }
}
