//! The configuration. No other module reads the environment. Every setting is an environment variable and
//! a command line option; the option takes precedence.

mod display;
mod limits;
mod model;
mod options;
mod parse;
mod types;

pub use limits::Limits;
pub use model::{Config, ConfigError};
pub use options::{Options, read_dotenv};
pub use types::{Database, JwtSecrets, LogFormat};
