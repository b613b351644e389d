//! Limits the bytes of request bodies that are in memory, in total and per client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error_response::HttpError;
use crate::client_ip::ClientPrefix;
use crate::graphql::error::{ApiError, ErrorCode};

/// Counts the bytes of the bodies of all requests that are being read or processed.
#[derive(Debug)]
pub(super) struct BodyLimiter {
    total_limit: usize,
    per_client_limit: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    per_client: HashMap<ClientPrefix, usize>,
}

/// The bytes of the body of one request. Dropping it releases them.
#[derive(Debug)]
pub(super) struct BodyPermit {
    limiter: Arc<BodyLimiter>,
    client: ClientPrefix,
    bytes: usize,
}

impl BodyLimiter {
    pub(super) fn new(total_limit: usize, per_client_limit: usize) -> Arc<Self> {
        Arc::new(Self { total_limit, per_client_limit, counts: Mutex::default() })
    }

    /// A permit for a body of which nothing has arrived.
    pub(super) fn permit(self: &Arc<Self>, client: ClientPrefix) -> BodyPermit {
        BodyPermit { limiter: Arc::clone(self), client, bytes: 0 }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyPermit {
    /// Counts bytes that have arrived. An error if a limit would be passed; then they are not counted.
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), HttpError> {
        let mut counts = self.limiter.counts();
        if counts.total + bytes > self.limiter.total_limit {
            let message = ApiError::Overloaded.to_string();
            return Err(HttpError::new(ErrorCode::ServiceUnavailable, message));
        }
        let of_client = counts.per_client.get(&self.client).copied().unwrap_or_default() + bytes;
        if of_client > self.limiter.per_client_limit {
            let message = "Too many request bodies from your address at the same time.";
            return Err(HttpError::new(ErrorCode::RateLimited, message));
        }
        counts.total += bytes;
        counts.per_client.insert(self.client, of_client);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for BodyPermit {
    fn drop(&mut self) {
        let mut counts = self.limiter.counts();
        counts.total -= self.bytes;
        if let Some(count) = counts.per_client.get_mut(&self.client) {
            *count -= self.bytes;
            if *count == 0 {
                counts.per_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::client_ip::ClientIp;

    fn client(number: u8) -> ClientPrefix {
        ClientIp::from(IpAddr::from([192, 0, 2, number])).network()
    }

    fn rejection(permit: &mut BodyPermit, bytes: usize) -> Option<ErrorCode> {
        permit.add(bytes).err().map(|error| error.code)
    }

    #[test]
    fn the_per_client_and_total_limits_may_be_reached_but_not_passed() {
        let limiter = BodyLimiter::new(20, 10);
        let (mut first, mut second) = (limiter.permit(client(1)), limiter.permit(client(1)));
        assert_eq!(rejection(&mut first, 4), None);
        assert_eq!(rejection(&mut second, 7), Some(ErrorCode::RateLimited));
        assert_eq!(rejection(&mut second, 6), None);
        assert_eq!(rejection(&mut first, 1), Some(ErrorCode::RateLimited));
        let (mut other, mut third) = (limiter.permit(client(2)), limiter.permit(client(3)));
        assert_eq!(rejection(&mut other, 9), None);
        assert_eq!(rejection(&mut third, 2), Some(ErrorCode::ServiceUnavailable));
        assert_eq!(rejection(&mut third, 1), None);
        drop(second);
        assert_eq!(rejection(&mut first, 6), None);
        drop((first, other, third));
        assert!(limiter.counts().per_client.is_empty());
        assert_eq!(limiter.counts().total, 0);
    }
}
