//! Limits the bytes of responses that one client has not taken yet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;
use super::rate_limit::RateLimitKey;

/// Bytes of the responses that are being built or sent, for each account or, for anonymous clients, each
/// address.
#[derive(Debug)]
pub(crate) struct UnreadResponses {
    limit: usize,
    clients: Mutex<HashMap<RateLimitKey, Client>>,
}

/// A client with unread bytes.
#[derive(Debug)]
struct Client {
    bytes: usize,
    /// The permit to build a large response.
    large: Arc<Semaphore>,
}

impl Default for Client {
    fn default() -> Self {
        Self { bytes: 0, large: Arc::new(Semaphore::new(1)) }
    }
}

/// The client has too many bytes of responses that it has not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyUnread;

impl From<TooManyUnread> for ApiError {
    fn from(_: TooManyUnread) -> Self {
        Self::UnreadResponses
    }
}

/// The bytes of one response. Dropping it releases them.
#[derive(Debug)]
pub(crate) struct ResponsePermit {
    unread: Arc<UnreadResponses>,
    client: RateLimitKey,
    bytes: AtomicUsize,
}

impl UnreadResponses {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, clients: Mutex::default() })
    }

    /// A permit for another response, which has no bytes yet. An error if the limit is already reached.
    pub(super) fn permit(
        self: &Arc<Self>,
        client: RateLimitKey,
    ) -> Result<ResponsePermit, TooManyUnread> {
        let bytes = self.clients().get(&client).map_or(0, |client| client.bytes);
        if bytes >= self.limit {
            return Err(TooManyUnread);
        }
        Ok(ResponsePermit { unread: Arc::clone(self), client, bytes: AtomicUsize::new(0) })
    }

    /// Removes bytes of a client and adds others.
    fn replace(&self, client: RateLimitKey, removed: usize, added: usize) {
        if removed == added {
            return;
        }
        let mut clients = self.clients();
        let entry = clients.entry(client).or_default();
        entry.bytes = entry.bytes - removed + added;
        if entry.bytes == 0 {
            clients.remove(&client);
        }
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<RateLimitKey, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResponsePermit {
    /// Adds bytes. An error if the client has more bytes than the limit then; they are added nevertheless.
    pub(super) fn add(&self, bytes: usize) -> Result<(), TooManyUnread> {
        // Would add a client that is never removed.
        if bytes == 0 {
            return Ok(());
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut clients = self.unread.clients();
        let client = clients.entry(self.client).or_default();
        client.bytes += bytes;
        if client.bytes > self.unread.limit { Err(TooManyUnread) } else { Ok(()) }
    }

    /// Removes bytes that were added, or all if there are fewer.
    pub(super) fn remove(&self, bytes: usize) {
        let before = self
            .bytes
            .update(Ordering::Relaxed, Ordering::Relaxed, |sum| sum.saturating_sub(bytes));
        self.unread.replace(self.client, before.min(bytes), 0);
    }

    /// Waits until no other large response of the client is being built. `None` only if the semaphore is
    /// closed, which does not happen.
    pub(super) async fn acquire_large(&self) -> Option<OwnedSemaphorePermit> {
        let large = Arc::clone(&self.unread.clients().entry(self.client).or_default().large);
        large.acquire_owned().await.ok()
    }

    /// A permit for exactly these bytes, in place of all bytes that were added to this one.
    pub(super) fn complete(&self, bytes: usize) -> Self {
        // The response exists, whatever the limit.
        self.unread.replace(self.client, self.bytes.swap(0, Ordering::Relaxed), bytes);
        let (unread, client) = (Arc::clone(&self.unread), self.client);
        Self { unread, client, bytes: AtomicUsize::new(bytes) }
    }
}

impl Drop for ResponsePermit {
    fn drop(&mut self) {
        self.remove(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::client_ip::ClientIp;

    fn client(number: u8) -> RateLimitKey {
        RateLimitKey::ClientPrefix(ClientIp::from(IpAddr::from([192, 0, 2, number])).network())
    }

    #[test]
    fn the_responses_of_a_client_share_a_limit() {
        let unread = UnreadResponses::new(10);
        let first = unread.permit(client(1)).expect("nothing is unread");
        let second = unread.permit(client(1)).expect("nothing is unread");
        assert_eq!(first.add(6), Ok(()));
        assert_eq!(second.add(4), Ok(()));
        assert_eq!(unread.permit(client(1)).err(), Some(TooManyUnread));
        assert_eq!(second.add(1), Err(TooManyUnread));
        assert_eq!(unread.permit(client(2)).expect("another client").add(10), Ok(()));
        let complete = first.complete(5);
        drop(second);
        assert_eq!(unread.clients()[&client(1)].bytes, 5);
        drop(first);
        assert_eq!(complete.add(5), Ok(()));
        complete.remove(100);
        assert_eq!(complete.add(10), Ok(()));
        drop(complete);
        let empty = unread.permit(client(1)).expect("nothing is unread");
        assert_eq!(empty.add(0), Ok(()));
        drop(empty);
        assert!(unread.clients().is_empty());
    }
}
