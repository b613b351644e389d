//! The checked configuration, and the error of a value that is not valid.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::limits::Limits;
use super::types::{Database, JwtSecrets, LogFormat};

/// The effective configuration. `Options::resolve` creates it and checks every value.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port to accept connections on. Port 0 selects a free port.
    pub listen: SocketAddr,
    /// The database that stores the data.
    pub database: Database,
    /// PostgreSQL: number of pipelined connections for single statements, and maximum size of the pool for
    /// transactions. SQLite: number of read connections for searches. Four per core if absent.
    pub database_pool_size: Option<NonZeroU32>,
    /// The secrets of access tokens: the first signs, all verify.
    pub jwt_secrets: JwtSecrets,
    /// Lifetime of an access token.
    pub access_token_ttl: Duration,
    /// Lifetime of a refresh token, and of a session that is not used.
    pub refresh_token_ttl: Duration,
    /// bcrypt cost: the binary logarithm of the number of rounds, from 10 to 16.
    pub bcrypt_cost: u32,
    /// Origins, such as `https://books.example.org`, whose pages may send requests from a browser.
    pub cors_origins: Vec<String>,
    /// Whether `/` serves GraphiQL.
    pub graphiql: bool,
    /// Whether clients can read the schema: by introspection, and at `/schema.graphql`.
    pub introspection: bool,
    /// A file of trusted documents by id. If set, other documents are rejected.
    pub trusted_documents: Option<PathBuf>,
    /// Whether a response without data has the status of its error also for clients that accept only
    /// plain `application/json`.
    pub strict_status: bool,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// The filter of log lines, in the syntax of `tracing-subscriber`'s `EnvFilter`.
    pub log_filter: String,
    /// Whether the limits per minute apply to clients.
    pub rate_limits: bool,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The limits of one request, one client and the process.
    pub limits: Limits,
}

/// An invalid value: the name of the variable, its value, and which values are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub(super) variable: Cow<'static, str>,
    /// `None` if the value is a secret.
    pub(super) value: Option<String>,
    pub(super) allowed: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "invalid {}={value}: {}", self.variable, self.allowed),
            None => write!(f, "invalid {}: {}", self.variable, self.allowed),
        }
    }
}

impl std::error::Error for ConfigError {}
