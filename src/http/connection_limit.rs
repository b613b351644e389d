//! How many may be there at once, in all and of one caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client_ip::ClientPrefix;

/// Seats for callers.
#[derive(Debug)]
pub(super) struct ConnectionLimiter {
    in_all: usize,
    each: usize,
    taken: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    in_all: usize,
    by: HashMap<ClientPrefix, usize>,
}

/// There is no seat left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitReached {
    Total,
    /// This caller has as many as anybody may have.
    PerClient,
}

/// A seat, until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    seats: Arc<ConnectionLimiter>,
    /// None for one who speaks for others.
    caller: Option<ClientPrefix>,
}

impl ConnectionLimiter {
    pub(super) fn new(in_all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { in_all, each, taken: Mutex::default() })
    }

    /// Takes a seat; of those of a caller, or of one who speaks for others and may have any number.
    pub(super) fn take(
        self: &Arc<Self>,
        caller: Option<ClientPrefix>,
    ) -> Result<ConnectionPermit, LimitReached> {
        let mut taken = self.taken();
        if taken.in_all >= self.in_all {
            return Err(LimitReached::Total);
        }
        if let Some(caller) = caller {
            let its = taken.by.entry(caller).or_default();
            if *its >= self.each {
                return Err(LimitReached::PerClient);
            }
            *its += 1;
        }
        taken.in_all += 1;
        Ok(ConnectionPermit { seats: Arc::clone(self), caller })
    }

    fn taken(&self) -> MutexGuard<'_, Counts> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.in_all -= 1;
        if let Some(caller) = self.caller
            && let Some(its) = taken.by.get_mut(&caller)
        {
            *its -= 1;
            if *its == 0 {
                taken.by.remove(&caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::client_ip::ClientIp;

    fn caller(number: u8) -> Option<ClientPrefix> {
        Some(ClientIp::from(IpAddr::from([192, 0, 2, number])).network())
    }

    #[test]
    fn nobody_takes_more_than_anybody_may_have() {
        let seats = ConnectionLimiter::new(4, 2);
        let first = seats.take(caller(1)).expect("a seat");
        let _second = seats.take(caller(1)).expect("a seat");
        assert_eq!(seats.take(caller(1)).expect_err("a third"), LimitReached::PerClient);
        let _others = seats.take(caller(2)).expect("somebody else's");
        drop(first);
        let _again = seats.take(caller(1)).expect("the seat that was left");
        let _proxy = seats.take(None).expect("the last");
        assert_eq!(seats.take(caller(3)).expect_err("a fifth"), LimitReached::Total);
        assert_eq!(seats.take(None).expect_err("a fifth"), LimitReached::Total);
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let seats = ConnectionLimiter::new(4, 2);
        drop([seats.take(caller(1)), seats.take(caller(1)), seats.take(None)]);
        assert!(seats.taken().by.is_empty());
        assert_eq!(seats.taken().in_all, 0);
    }
}
