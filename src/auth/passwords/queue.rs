//! A queue with an end, in which callers take turns: whoever brings many waits for their own.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::client_ip::ClientPrefix;

/// Work that waits, by who brought it.
#[derive(Debug)]
pub(super) struct FairQueue<Job> {
    most: usize,
    waiting: Mutex<Waiting<Job>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct Waiting<Job> {
    of: HashMap<ClientPrefix, VecDeque<Job>>,
    /// Whose turn it is, for everybody who has something here.
    turns: VecDeque<ClientPrefix>,
    in_all: usize,
    closed: bool,
}

/// There is no room, or not for this caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<Job> FairQueue<Job> {
    pub(super) fn new(most: usize) -> Self {
        let waiting =
            Waiting { of: HashMap::new(), turns: VecDeque::new(), in_all: 0, closed: false };
        Self { most, waiting: Mutex::new(waiting), arrived: Condvar::new() }
    }

    /// Adds to what a caller has here. When there is no room, whoever has most here, and more than
    /// this caller will have, loses the latest of it: a storm from one place shuts nobody else out.
    pub(super) fn push(&self, from: ClientPrefix, job: Job) -> Result<(), Full> {
        let mut waiting = self.waiting();
        if waiting.in_all >= self.most {
            let own = waiting.of.get(&from).map_or(0, VecDeque::len);
            let longest = waiting.of.values_mut().max_by_key(|jobs| jobs.len());
            let longest = longest.filter(|jobs| jobs.len() > own + 1).ok_or(Full)?;
            drop(longest.pop_back());
            waiting.in_all -= 1;
        }
        let its = waiting.of.entry(from).or_default();
        its.push_back(job);
        if its.len() == 1 {
            waiting.turns.push_back(from);
        }
        waiting.in_all += 1;
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// The next one, as soon as there is one; none once the queue is closed.
    pub(super) fn take(&self) -> Option<Job> {
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

    /// Ends the waiting of all who take.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.arrived.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Job> Waiting<Job> {
    fn next(&mut self) -> Option<Job> {
        let caller = self.turns.pop_front()?;
        let its = self.of.get_mut(&caller)?;
        let job = its.pop_front();
        if its.is_empty() {
            self.of.remove(&caller);
        } else {
            self.turns.push_back(caller);
        }
        self.in_all -= usize::from(job.is_some());
        job
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::client_ip::ClientIp;

    fn caller(number: u8) -> ClientPrefix {
        ClientIp::from(IpAddr::from([192, 0, 2, number])).network()
    }

    fn all(queue: &FairQueue<&'static str>) -> Vec<&'static str> {
        let mut waiting = queue.waiting();
        let jobs = std::iter::from_fn(|| waiting.next()).collect();
        assert_eq!((waiting.in_all, waiting.of.len(), waiting.turns.len()), (0, 0, 0));
        jobs
    }

    #[test]
    fn callers_take_turns() {
        let queue = FairQueue::new(10);
        for job in ["a1", "a2", "a3"] {
            queue.push(caller(1), job).expect("room");
        }
        queue.push(caller(2), "b1").expect("room");
        assert_eq!(queue.take(), Some("a1"));
        queue.push(caller(3), "c1").expect("room");
        assert_eq!(all(&queue), ["b1", "a2", "c1", "a3"]);
    }

    #[test]
    fn a_full_queue_has_room_for_whoever_has_less_in_it() {
        let queue = FairQueue::new(3);
        for job in ["a1", "a2", "a3"] {
            queue.push(caller(1), job).expect("room");
        }
        assert_eq!(queue.push(caller(1), "a4"), Err(Full));
        queue.push(caller(2), "b1").expect("in the place of a3");
        assert_eq!(queue.push(caller(2), "b2"), Err(Full), "both would have as many");
        assert_eq!(queue.push(caller(1), "a4"), Err(Full));
        queue.push(caller(3), "c1").expect("in the place of a2");
        assert_eq!(queue.push(caller(4), "d1"), Err(Full), "everybody has one");
        assert_eq!(all(&queue), ["a1", "b1", "c1"]);
    }

    #[test]
    fn nobody_waits_at_a_closed_queue() {
        let queue = FairQueue::new(3);
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take());
            queue.close();
            assert_eq!(taken.join().expect("an end"), None::<&str>);
        });
    }
}
