//! The configuration. No other module reads the environment. Every setting is an environment variable and
//! a command line option; the option takes precedence.
//!
//! A setting is declared once, in `model.rs` or `limits.rs`. Its option, its variable, its parsing and the
//! output of `bookshelf config` follow from the declaration.

mod limits;
mod model;
mod options;
mod origin;
mod postgres;
mod settings;
mod types;
mod value;

pub use limits::Limits;
pub use model::{Config, ConfigError};
pub use options::{Options, read_dotenv};
pub use origin::{Origin, ParseOriginError};
pub use postgres::PostgresTarget;
pub(crate) use postgres::{
    HostName, PostgresHost, RootCertificates, SslMode, TargetSession, TlsOptions,
};
pub use types::{Database, JwtSecrets, LogFormat};
