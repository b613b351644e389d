//! Limits what all clients, and each client, use at the same time: connections, or bytes of request bodies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client_ip::ClientPrefix;

/// Issues permits for connections or bytes.
#[derive(Debug)]
pub(super) struct ClientLimiter {
    total_limit: usize,
    per_client_limit: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    per_client: HashMap<ClientPrefix, usize>,
}

/// A limit would be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitReached {
    Total,
    /// This client has as much as one client may have.
    PerClient,
}

/// What one connection or request uses. Dropping it releases that.
#[derive(Debug)]
pub(super) struct ClientPermit {
    limiter: Arc<ClientLimiter>,
    /// `None` for a trusted proxy, which has no limit per client.
    client: Option<ClientPrefix>,
    used: usize,
}

impl ClientLimiter {
    pub(super) fn new(total_limit: usize, per_client_limit: usize) -> Arc<Self> {
        Arc::new(Self { total_limit, per_client_limit, counts: Mutex::default() })
    }

    /// A permit that uses nothing yet. `client` is `None` for a trusted proxy.
    pub(super) fn permit(self: &Arc<Self>, client: Option<ClientPrefix>) -> ClientPermit {
        ClientPermit { limiter: Arc::clone(self), client, used: 0 }
    }

    /// A permit for one connection. `client` is `None` for a trusted proxy.
    pub(super) fn take(
        self: &Arc<Self>,
        client: Option<ClientPrefix>,
    ) -> Result<ClientPermit, LimitReached> {
        let mut permit = self.permit(client);
        permit.add(1)?;
        Ok(permit)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientPermit {
    /// Changes what is used to this amount. If a limit would be passed, nothing is changed.
    pub(super) fn resize(&mut self, amount: usize) -> Result<(), LimitReached> {
        match amount.checked_sub(self.used) {
            Some(more) => self.add(more),
            None => {
                self.release(self.used - amount);
                Ok(())
            }
        }
    }

    fn release(&mut self, amount: usize) {
        if amount == 0 {
            return;
        }
        let mut counts = self.limiter.counts();
        counts.total -= amount;
        self.used -= amount;
        if let Some(client) = self.client
            && let Some(used) = counts.per_client.get_mut(&client)
        {
            *used -= amount;
            if *used == 0 {
                counts.per_client.remove(&client);
            }
        }
    }

    /// Adds to what is used. If a limit would be passed, nothing is added.
    pub(super) fn add(&mut self, amount: usize) -> Result<(), LimitReached> {
        let mut counts = self.limiter.counts();
        if counts.total.saturating_add(amount) > self.limiter.total_limit {
            return Err(LimitReached::Total);
        }
        if let Some(client) = self.client {
            let used = counts.per_client.get(&client).map_or(amount, |used| used + amount);
            if used > self.limiter.per_client_limit {
                return Err(LimitReached::PerClient);
            }
            counts.per_client.insert(client, used);
        }
        counts.total += amount;
        self.used += amount;
        Ok(())
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        self.release(self.used);
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
        let limiter = ClientLimiter::new(4, 2);
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
        let limiter = ClientLimiter::new(4, 2);
        drop([limiter.take(client(1)), limiter.take(client(1)), limiter.take(None)]);
        assert!(limiter.counts().per_client.is_empty());
        assert_eq!(limiter.counts().total, 0);
    }

    #[test]
    fn bytes_may_reach_the_limits_but_not_pass_them() {
        let limiter = ClientLimiter::new(20, 10);
        let [mut first, mut second, mut other, mut third] =
            [1, 1, 2, 3].map(|number| limiter.permit(client(number)));
        assert_eq!(first.add(4), Ok(()));
        assert_eq!(second.add(7), Err(LimitReached::PerClient));
        assert_eq!(second.add(6), Ok(()));
        assert_eq!(first.add(1), Err(LimitReached::PerClient));
        assert_eq!(other.add(9), Ok(()));
        assert_eq!(third.add(2), Err(LimitReached::Total));
        assert_eq!(third.add(1), Ok(()));
        assert_eq!(second.resize(1), Ok(()));
        assert_eq!(second.resize(7), Err(LimitReached::Total));
        assert_eq!(first.add(5), Ok(()));
        drop(second);
        assert_eq!(first.add(1), Ok(()));
        drop([first, other, third]);
        assert!(limiter.counts().per_client.is_empty());
        assert_eq!(limiter.counts().total, 0);
    }
}
