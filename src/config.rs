//! The only reader of the environment. Every setting is a variable and an option of the command
//! line; the option wins.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

mod options;
mod show;
mod values;

pub use options::{Options, read_dotenv};

/// What is in force. Made by [`Options::resolve`], which checks every value.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where connections are accepted; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where the data is kept.
    pub database: Database,
    /// The most connections to hold to the database; sized to the machine when absent.
    pub database_pool: Option<NonZeroU32>,
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
    /// What one request may take.
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
    Given(Vec<SecretString>),
    /// From a file beside the SQLite database, made at first start, for its owner's eyes only.
    BesideDatabase(PathBuf),
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

/// What one request may take, and how long the server waits for anything.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a JSON request body.
    pub body_bytes: usize,
    /// Bytes of a multipart request, with all its files. They are kept in memory.
    pub upload_bytes: usize,
    /// Files of a multipart request.
    pub upload_files: usize,
    /// Bytes of a GraphQL document.
    pub document_bytes: usize,
    /// Tokens of a document (GraphQL specification, section 2.1.6).
    pub document_tokens: usize,
    /// Operations of a document.
    pub operations: usize,
    /// Fragments of a document.
    pub fragments: usize,
    /// Variables of a document's operations together.
    pub variables: usize,
    /// Directives of a document.
    pub directives: usize,
    /// Lists and objects within each other, in a literal or a type.
    pub literal_nesting: usize,
    /// Selections of a document after its fragments are expanded. Guards the executor, which walks
    /// every one of them, from documents whose fragments double at each level.
    pub expanded_selections: u64,
    /// Fields within fields. The introspection query of graphql-js, with every option on, has 15.
    pub depth: u64,
    /// Bytes of memory, about, for all the documents that are remembered, so that they need no
    /// validation the second time.
    pub known_documents_bytes: usize,
    /// Time for a body to arrive.
    pub body_timeout: Duration,
    /// Time for one operation.
    pub operation_timeout: Duration,
    /// Time from the handshake of a WebSocket to its `connection_init`.
    pub websocket_init_timeout: Duration,
    /// Bytes of one message over WebSocket.
    pub websocket_message_bytes: usize,
    /// Operations at once on one WebSocket.
    pub websocket_operations: usize,
    /// Passwords that may wait for a free core before the answer is `SERVICE_UNAVAILABLE`.
    pub waiting_passwords: usize,
    /// Time for open requests to end after SIGTERM or SIGINT.
    pub drain_timeout: Duration,
    /// Errors in one answer.
    pub errors: usize,
    /// Characters in the message of one error.
    pub error_message_chars: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            upload_bytes: 20 << 20,
            upload_files: 5,
            document_bytes: 32 << 10,
            document_tokens: 2_000,
            operations: 20,
            fragments: 50,
            variables: 100,
            directives: 50,
            literal_nesting: 32,
            expanded_selections: 2_000,
            depth: 15,
            known_documents_bytes: 16 << 20,
            body_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(10),
            websocket_init_timeout: Duration::from_secs(5),
            websocket_message_bytes: 64 << 10,
            websocket_operations: 50,
            waiting_passwords: 64,
            drain_timeout: Duration::from_secs(20),
            errors: 20,
            error_message_chars: 300,
        }
    }
}

/// A value that is not allowed: which variable, what was found there, what may stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    variable: &'static str,
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
