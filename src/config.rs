//! The configuration. No other module reads the environment. Every setting is an environment variable and
//! a command line option; the option takes precedence.
//!
//! A setting is declared once, in `model.rs` or `limits.rs`. Its option, its variable, its parsing and the
//! output of `bookshelf config` follow from the declaration.

mod covers_url;
mod dotenv;
mod error;
mod jwt_secrets;
mod limits;
mod listen_address;
mod model;
mod options;
mod origin;
mod postgres;
mod public_url;
mod settings;
mod spelling;
mod sqlite_url;
mod types;
mod value;

pub use covers_url::CoversUrl;
pub(crate) use covers_url::aws_variables;
pub use dotenv::read_dotenv;
pub use error::ConfigError;
pub use limits::Limits;
pub use listen_address::{ListenAddress, ParseListenAddressError};
pub use model::Config;
pub use options::{Options, Purpose};
pub use origin::{Origin, ParseOriginError};
pub use postgres::PostgresTarget;
pub(crate) use postgres::{
    HostName, PostgresHost, RootCertificates, SslMode, TargetSession, TlsOptions,
};
pub use public_url::{ParsePublicUrlError, PublicUrl};
pub use spelling::unknown_environment_variables;
pub use types::{Database, JwtSecrets, LogFormat};
