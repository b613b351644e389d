//! Types of single settings.

use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::postgres::PostgresTarget;

/// The file of the default database, relative to the working directory.
const DEFAULT_FILE: &str = "data/bookshelf.db";

/// The database that stores the data. The default is the file `data/bookshelf.db`.
#[derive(Clone, Debug)]
pub enum Database {
    /// One file, created if it does not exist.
    Sqlite(PathBuf),
    /// A database of one or several PostgreSQL servers.
    Postgres(Box<PostgresTarget>),
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
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
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
