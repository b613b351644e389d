//! A server process, its PostgreSQL cluster, and a user of its API.

mod postgres;
mod server;

use std::time::{Duration, Instant};

pub use postgres::Postgres;
pub use server::{ServerProcess, User, code};

/// The longest time to wait for an expected condition.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until a condition holds. Returns how long that took.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < TIMEOUT, "{what}: not after {TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started.elapsed()
}
