//! Counts bytes up to a limit.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that several tasks increase, up to a limit.
#[derive(Debug)]
pub(crate) struct ByteCounter {
    limit: usize,
    bytes: AtomicUsize,
}

/// A counter has passed its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {limit} bytes")]
pub(crate) struct LimitExceeded {
    pub(crate) limit: usize,
}

impl ByteCounter {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, bytes: AtomicUsize::new(0) }
    }

    /// Adds bytes. An error if the sum passes the limit; it is counted nevertheless, so that every later call
    /// fails too.
    pub(crate) fn add(&self, bytes: usize) -> Result<(), LimitExceeded> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limit {
            return Err(LimitExceeded { limit: self.limit });
        }
        Ok(())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Removes bytes that were added, or all if there are fewer.
    pub(crate) fn remove(&self, bytes: usize) {
        self.bytes.update(Ordering::Relaxed, Ordering::Relaxed, |sum| sum.saturating_sub(bytes));
    }

    /// Starts again at 0.
    pub(crate) fn reset(&self) {
        self.bytes.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_may_be_reached_but_not_passed() {
        let counter = ByteCounter::new(10);
        assert_eq!(counter.add(4), Ok(()));
        assert_eq!(counter.add(6), Ok(()));
        assert_eq!(counter.add(0), Ok(()));
        assert_eq!(counter.add(1), Err(LimitExceeded { limit: 10 }));
        assert_eq!(counter.add(0), Err(LimitExceeded { limit: 10 }));
        counter.remove(2);
        assert_eq!(counter.add(1), Ok(()));
        counter.remove(100);
        assert_eq!(counter.add(10), Ok(()));
        assert_eq!(counter.add(usize::MAX - 10), Err(LimitExceeded { limit: 10 }));
    }
}
