//! Graceful shutdown.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Signals to all parts of the server that shutdown begins, and waits for their tasks. Clones share one state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shutdown {
    announced: CancellationToken,
    token: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// Announces the shutdown: readiness fails from now on, so that load balancers send no more requests here.
    pub(crate) fn announce(&self) {
        self.announced.cancel();
    }

    /// Whether the shutdown was announced or has begun.
    pub(super) fn is_announced(&self) -> bool {
        self.announced.is_cancelled() || self.token.is_cancelled()
    }

    /// Begins the shutdown. Connections and streams end as soon as they can.
    pub(crate) fn begin(&self) {
        self.token.cancel();
        self.tasks.close();
    }

    /// Resolves when the shutdown begins.
    pub(super) async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// Waits for all tasks, up to a timeout. Returns whether all have ended. Call [`Shutdown::begin`] first.
    pub(crate) async fn wait(&self, limit: Duration) -> bool {
        timeout(limit, self.tasks.wait()).await.is_ok()
    }

    /// Starts a task that the shutdown waits for.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Makes the shutdown wait for a future that runs in a task of a library.
    pub(super) fn track<T: Future>(&self, future: T) -> impl Future<Output = T::Output> + use<T> {
        self.tasks.track_future(future)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn shutdown_waits_for_tasks_up_to_its_timeout() {
        let shutdown = Shutdown::default();
        let task = shutdown.clone();
        shutdown.spawn(async move {
            task.begun().await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        });
        shutdown.begin();
        assert!(!shutdown.wait(Duration::from_secs(4)).await);
        assert!(shutdown.wait(Duration::from_secs(2)).await);
    }
}
