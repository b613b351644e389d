//! Logging to standard output.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{Config, LogFormat};

/// Sets the global tracing subscriber of the process.
///
/// # Errors
/// If a subscriber is already set, or the filter is invalid.
pub fn init(config: &Config) -> anyhow::Result<()> {
    let filter: EnvFilter = config.log_filter.parse()?;
    // A line that cannot be written is dropped. Its error would go to standard error, where writing may panic.
    let lines = fmt::layer().log_internal_errors(false);
    let lines = match config.log_format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
        LogFormat::Pretty => lines.compact().boxed(),
    };
    tracing_subscriber::registry().with(lines).with(filter).with(libraries()).try_init()?;
    // Only libraries use the crate `log`. Its default is the highest level of all layers, at which tokio-postgres
    // formats seven messages per request that are then dropped (2 % of the instructions of a small query).
    log::set_max_level(log::LevelFilter::Error);
    Ok(())
}

/// What libraries may log, whatever the filter of the operator is. At lower levels they log what they transmit: bound
/// values of statements, frames of a WebSocket, headers. The database drivers also log values in warnings, such as
/// unknown parameters of their URL and notices of the server.
fn libraries() -> Targets {
    Targets::new()
        .with_default(LevelFilter::ERROR)
        .with_target("bookshelf", LevelFilter::TRACE)
        .with_target("sea_orm", LevelFilter::OFF)
        .with_target("sea_orm_migration", LevelFilter::INFO)
        .with_target("sqlx", LevelFilter::OFF)
        .with_target("tokio_postgres", LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_log_errors_only() {
        let libraries = libraries();
        for target in [
            "hyper::proto",
            "h2::codec",
            "rustls::client",
            "tungstenite::protocol",
            "tokio_tungstenite",
            "axum",
            "log",
        ] {
            assert!(libraries.would_enable(target, &Level::ERROR), "{target}");
            assert!(!libraries.would_enable(target, &Level::WARN), "{target}");
        }
        for target in
            ["sqlx::query", "sqlx_postgres::options", "tokio_postgres::query", "sea_orm::driver"]
        {
            assert!(!libraries.would_enable(target, &Level::ERROR), "{target}");
        }
        assert!(libraries.would_enable("bookshelf::operation", &Level::TRACE));
    }
}
