//! A bounded queue that serves clients round-robin: a client with many jobs delays only its own.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Waiting jobs, grouped by client.
#[derive(Debug)]
pub(crate) struct FairQueue<Client, Job> {
    capacity: usize,
    waiting: Mutex<Waiting<Client, Job>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct Waiting<Client, Job> {
    /// The jobs of each client with at least one job.
    queues: HashMap<Client, VecDeque<Job>>,
    /// Every client with a job, in the order in which they are served.
    round_robin: VecDeque<Client>,
    /// Number of jobs in all queues.
    total: usize,
    closed: bool,
}

/// The queue is full, and no other client has enough jobs for one of them to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl<Client: Copy + Eq + Hash, Job> FairQueue<Client, Job> {
    pub(crate) fn new(capacity: usize) -> Self {
        let waiting = Waiting {
            queues: HashMap::new(),
            round_robin: VecDeque::new(),
            total: 0,
            closed: false,
        };
        Self { capacity, waiting: Mutex::new(waiting), arrived: Condvar::new() }
    }

    /// Adds a job of a client. If the queue is full, drops the newest job of the client with the longest
    /// queue, unless this client would then have as many; otherwise returns `Full`. So a flood from
    /// one client does not block the others.
    pub(crate) fn push(&self, client: Client, job: Job) -> Result<(), Full> {
        let mut waiting = self.waiting();
        if waiting.total >= self.capacity {
            let own = waiting.queues.get(&client).map_or(0, VecDeque::len);
            let longest = waiting.queues.values_mut().max_by_key(|jobs| jobs.len());
            let longest = longest.filter(|jobs| jobs.len() > own + 1).ok_or(Full)?;
            drop(longest.pop_back());
            waiting.total -= 1;
        }
        let jobs = waiting.queues.entry(client).or_default();
        jobs.push_back(job);
        if jobs.len() == 1 {
            waiting.round_robin.push_back(client);
        }
        waiting.total += 1;
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Blocks until a job is available and returns it; `None` once the queue is closed.
    pub(crate) fn take(&self) -> Option<Job> {
        let mut waiting = self.waiting();
        loop {
            if waiting.closed {
                return None;
            }
            if let Some(job) = waiting.next() {
                return Some(job);
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes every pending and future `take` return `None`.
    pub(crate) fn close(&self) {
        self.waiting().closed = true;
        self.arrived.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<Client, Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Client: Copy + Eq + Hash, Job> Waiting<Client, Job> {
    fn next(&mut self) -> Option<Job> {
        let client = self.round_robin.pop_front()?;
        let jobs = self.queues.get_mut(&client)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.queues.remove(&client);
        } else {
            self.round_robin.push_back(client);
        }
        self.total -= usize::from(job.is_some());
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(queue: &FairQueue<u8, &'static str>) -> Vec<&'static str> {
        let mut waiting = queue.waiting();
        let jobs = std::iter::from_fn(|| waiting.next()).collect();
        assert_eq!((waiting.total, waiting.queues.len(), waiting.round_robin.len()), (0, 0, 0));
        jobs
    }

    #[test]
    fn clients_are_served_round_robin() {
        let queue = FairQueue::new(10);
        for job in ["a1", "a2", "a3"] {
            queue.push(1, job).expect("room");
        }
        queue.push(2, "b1").expect("room");
        assert_eq!(queue.take(), Some("a1"));
        queue.push(3, "c1").expect("room");
        assert_eq!(all(&queue), ["b1", "a2", "c1", "a3"]);
    }

    #[test]
    fn a_full_queue_drops_a_job_of_the_client_with_the_most_jobs() {
        let queue = FairQueue::new(3);
        for job in ["a1", "a2", "a3"] {
            queue.push(1, job).expect("room");
        }
        assert_eq!(queue.push(1, "a4"), Err(Full));
        queue.push(2, "b1").expect("replaces a3");
        assert_eq!(queue.push(2, "b2"), Err(Full), "both would have as many");
        assert_eq!(queue.push(1, "a4"), Err(Full));
        queue.push(3, "c1").expect("replaces a2");
        assert_eq!(queue.push(4, "d1"), Err(Full), "every client has one");
        assert_eq!(all(&queue), ["a1", "b1", "c1"]);
    }

    #[test]
    fn closing_the_queue_ends_a_pending_take() {
        let queue = FairQueue::<u8, _>::new(3);
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take());
            queue.close();
            assert_eq!(taken.join().expect("the thread ends"), None::<&str>);
        });
    }
}
