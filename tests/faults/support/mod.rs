//! A server to break things around, and somebody who uses it meanwhile.

mod postgres;
mod server;

use std::time::{Duration, Instant};

pub use postgres::Postgres;
pub use server::{ServerProcess, User, code};

/// How long anything may take that is sure to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so, and tells how long that took.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started.elapsed()
}
