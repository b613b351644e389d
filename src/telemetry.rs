//! Logging to standard output.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Config, LogFormat};

/// Sets the global tracing subscriber of the process.
///
/// # Errors
/// If a subscriber is already set, or the filter is invalid.
pub fn init(config: &Config) -> anyhow::Result<()> {
    let filter: EnvFilter = config.log_filter.parse()?;
    let lines = fmt().with_env_filter(filter);
    let set = match config.log_format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Pretty => lines.compact().try_init(),
    };
    set.map_err(|error| anyhow::anyhow!(error))
}
