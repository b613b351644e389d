//! Types of single settings.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;

/// The database that stores the data.
#[derive(Clone, Debug)]
pub enum Database {
    /// One file, created if it does not exist.
    Sqlite(PathBuf),
    /// A server, by its URL, which may contain a password.
    Postgres(SecretString),
}

/// Where the secrets of access tokens come from.
#[derive(Clone, Debug)]
pub enum JwtSecrets {
    /// From the configuration: at least one secret, each at least 32 bytes.
    Configured(Vec<SecretString>),
    /// From a file next to the SQLite database. It is created at first start; only its owner can read it.
    GeneratedFile(PathBuf),
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line, for machines.
    Json,
    /// Text, for people.
    Pretty,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Pretty => "pretty",
        })
    }
}
