//! Limits the number of concurrent connections, in total and per client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client_ip::ClientPrefix;

/// Issues permits for connections.
#[derive(Debug)]
pub(super) struct ConnectionLimiter {
    total_limit: usize,
    per_client_limit: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    per_client: HashMap<ClientPrefix, usize>,
}

/// No permit is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitReached {
    Total,
    /// This client has as many permits as one client may have.
    PerClient,
}

/// A permit for one connection. Dropping it releases the permit.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    /// `None` for a trusted proxy.
    client: Option<ClientPrefix>,
}

impl ConnectionLimiter {
    pub(super) fn new(total_limit: usize, per_client_limit: usize) -> Arc<Self> {
        Arc::new(Self { total_limit, per_client_limit, counts: Mutex::default() })
    }

    /// Takes a permit. `client` is `None` for a trusted proxy, which has no limit per client.
    pub(super) fn take(
        self: &Arc<Self>,
        client: Option<ClientPrefix>,
    ) -> Result<ConnectionPermit, LimitReached> {
        let mut counts = self.counts();
        if counts.total >= self.total_limit {
            return Err(LimitReached::Total);
        }
        if let Some(client) = client {
            let count = counts.per_client.entry(client).or_default();
            if *count >= self.per_client_limit {
                return Err(LimitReached::PerClient);
            }
            *count += 1;
        }
        counts.total += 1;
        Ok(ConnectionPermit { limiter: Arc::clone(self), client })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.limiter.counts();
        counts.total -= 1;
        if let Some(client) = self.client
            && let Some(count) = counts.per_client.get_mut(&client)
        {
            *count -= 1;
            if *count == 0 {
                counts.per_client.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::client_ip::ClientIp;

    fn client(number: u8) -> Option<ClientPrefix> {
        Some(ClientIp::from(IpAddr::from([192, 0, 2, number])).network())
    }

    #[test]
    fn the_per_client_and_total_limits_are_enforced() {
        let limiter = ConnectionLimiter::new(4, 2);
        let first = limiter.take(client(1)).expect("a permit");
        let _second = limiter.take(client(1)).expect("a permit");
        assert_eq!(limiter.take(client(1)).expect_err("a third"), LimitReached::PerClient);
        let _others = limiter.take(client(2)).expect("a permit of another client");
        drop(first);
        let _again = limiter.take(client(1)).expect("the released permit");
        let _proxy = limiter.take(None).expect("the last permit");
        assert_eq!(limiter.take(client(3)).expect_err("a fifth"), LimitReached::Total);
        assert_eq!(limiter.take(None).expect_err("a fifth"), LimitReached::Total);
    }

    #[test]
    fn closed_connections_are_not_counted() {
        let limiter = ConnectionLimiter::new(4, 2);
        drop([limiter.take(client(1)), limiter.take(client(1)), limiter.take(None)]);
        assert!(limiter.counts().per_client.is_empty());
        assert_eq!(limiter.counts().total, 0);
    }
}
