//! The only reader of the environment. Every setting is a variable and an option of the command
//! line; the option wins.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

mod display;
mod limits;
mod options;
mod parse;

pub use limits::Limits;
pub use options::{Options, read_dotenv};

/// What is in force. Made by [`Options::resolve`], which checks every value.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where connections are accepted; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where the data is kept.
    pub database: Database,
    /// Connections to PostgreSQL for single statements, and the most, beside those, for what takes several;
    /// with SQLite, readers for searches. Sized to the machine when absent.
    pub database_pool_size: Option<NonZeroU32>,
    /// Signs and verifies access tokens: the first signs, all verify.
    pub jwt_secrets: JwtSecrets,
    /// How long an access token is good for.
    pub access_token_ttl: Duration,
    /// How long a refresh token is good for, and a session without use with it.
    pub refresh_token_ttl: Duration,
    /// The logarithm of bcrypt's number of rounds, from 10 to 16.
    pub bcrypt_cost: u32,
    /// Origins (`https://books.example.org`) whose pages may call from a browser.
    pub cors_origins: Vec<String>,
    /// Whether `/` serves GraphiQL.
    pub graphiql: bool,
    /// Whether the schema may be asked for: by introspection, and at `/schema.graphql`.
    pub introspection: bool,
    /// A list of documents, by their ids, outside of which nothing is run.
    pub trusted_documents: Option<PathBuf>,
    /// Whether an answer without data has the status of its error for clients of plain
    /// `application/json` too.
    pub strict_status: bool,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Which log lines are written, in the syntax of `tracing-subscriber`'s `EnvFilter`.
    pub log_filter: String,
    /// Whether callers may do only so much in a minute.
    pub rate_limits: bool,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What one request, one caller and the process may take.
    pub limits: Limits,
}

/// Where the data is kept.
#[derive(Clone, Debug)]
pub enum Database {
    /// One file, made when it is not there.
    Sqlite(PathBuf),
    /// A server, by its URL, which may hold a password.
    Postgres(SecretString),
}

/// Where the secrets of access tokens come from.
#[derive(Clone, Debug)]
pub enum JwtSecrets {
    /// From the configuration: each at least 32 bytes, at least one.
    Configured(Vec<SecretString>),
    /// From a file beside the SQLite database, made at first start, for its owner's eyes only.
    GeneratedFile(PathBuf),
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// For people.
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

/// A value that is not allowed: which variable, what was found there, what may stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    variable: Cow<'static, str>,
    /// None where the value is a secret.
    value: Option<String>,
    allowed: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value} is not allowed: {}", self.variable, self.allowed),
            None => write!(f, "{} is not allowed: {}", self.variable, self.allowed),
        }
    }
}

impl std::error::Error for ConfigError {}
