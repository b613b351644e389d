use std::time::{Duration, Instant};

/// The longest time that tests wait for what must happen. A machine may be busy.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until a condition holds; panics with its description after a minute. Returns the time it took.
pub async fn wait_until(description: &str, mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < TIMEOUT, "{description}: not within {TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    started.elapsed()
}
