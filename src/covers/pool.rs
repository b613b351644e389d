//! The thread that processes images. One image is processed at a time, because decoding takes up to a hundred
//! megabytes of memory. Images wait in a bounded queue.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::image::ImageError;
use crate::background_thread;
use crate::fair_queue::{FairQueue, Full};
use crate::id::UserId;

type Job = Box<dyn FnOnce() + Send>;

/// The thread and its queue. The thread ends with the last clone.
#[derive(Clone)]
pub(super) struct ImagePool(Arc<OpenQueue>);

/// The queue, which is closed when this is dropped.
struct OpenQueue(Arc<FairQueue<UserId, Job>>);

impl Drop for OpenQueue {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl ImagePool {
    /// Starts the thread. `capacity` is how many images may wait.
    pub(super) fn new(capacity: usize) -> io::Result<Self> {
        let queue = Arc::new(FairQueue::<UserId, Job>::new(capacity));
        let jobs = Arc::clone(&queue);
        background_thread::spawn("covers".to_owned(), move || {
            // Decoders that use rayon run on this thread only: without it, jpeg-decoder starts a thread for each
            // component, with an unbounded queue of rows.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
            if let Err(error) = &pool {
                tracing::warn!(%error, "images are decoded on several threads");
            }
            while let Some(job) = jobs.take() {
                job();
            }
        })?;
        Ok(Self(Arc::new(OpenQueue(queue))))
    }

    /// Runs work of an account on the thread. The accounts take turns. A panic of the decoder means that the image is
    /// not valid.
    ///
    /// # Errors
    /// `Overloaded` if the queue is full, or the error of the work.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        account: UserId,
        work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
    ) -> Result<T, ImageError> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Skip the work if the mutation has timed out.
            if !sender.is_closed() {
                let done = catch_unwind(AssertUnwindSafe(work));
                let _ = sender.send(done.unwrap_or(Err(ImageError::Unsupported)));
            }
        });
        self.0.0.push(account, job).map_err(|Full| ImageError::Overloaded)?;
        receiver.await.unwrap_or(Err(ImageError::Overloaded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::id::IdGenerator;

    fn account() -> UserId {
        IdGenerator::new(Clock::system()).next()
    }

    #[tokio::test]
    async fn a_panic_is_an_unsupported_image_and_the_thread_goes_on() {
        let pool = ImagePool::new(1).expect("a thread");
        for _ in 0..3 {
            let panicked =
                pool.run::<()>(account(), || std::panic::resume_unwind(Box::new(()))).await;
            assert_eq!(panicked, Err(ImageError::Unsupported));
        }
        assert_eq!(pool.run(account(), || Ok(1)).await, Ok(1));
    }

    #[tokio::test]
    async fn a_full_queue_rejects_images_at_once() {
        let pool = ImagePool::new(1).expect("a thread");
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (start, started) = oneshot::channel();
        let mut running = Box::pin(pool.run(account(), move || {
            let _ = start.send(());
            let _ = held.recv();
            Ok(())
        }));
        assert!(futures_util::poll!(&mut running).is_pending());
        started.await.expect("the thread runs it");
        let mut waiting = Box::pin(pool.run(account(), || Ok(())));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(pool.run(account(), || Ok(())).await, Err(ImageError::Overloaded));
        drop(release);
        assert_eq!(running.await, Ok(()));
        assert_eq!(waiting.await, Ok(()));
    }

    #[tokio::test]
    async fn an_image_whose_request_has_ended_is_not_processed() {
        let pool = ImagePool::new(2).expect("a thread");
        let (release, held) = std::sync::mpsc::channel::<()>();
        let mut running = Box::pin(pool.run(account(), move || {
            let _ = held.recv();
            Ok(())
        }));
        assert!(futures_util::poll!(&mut running).is_pending());
        let (ran, runs) = std::sync::mpsc::channel();
        let mut waiting = Box::pin(pool.run(account(), move || Ok(ran.send(()))));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(waiting);
        drop(release);
        running.await.expect("the first");
        pool.run(account(), || Ok(())).await.expect("a last job");
        assert!(runs.try_recv().is_err(), "nobody waits for the result");
    }
}
