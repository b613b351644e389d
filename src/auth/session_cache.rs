//! Cache of sessions that were alive a moment ago, so that most requests are authenticated without a
//! query.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};

/// How long a cached session counts as alive without a new query. When a session ends on one instance,
/// the others reject it after this time at the latest, plus the duration of a statement.
const TTL: Duration = Duration::from_secs(4);

/// How many sessions are cached: a few megabytes when full.
const CAPACITY: usize = 50_000;

#[derive(Debug)]
pub(super) struct SessionCache {
    sessions: Cache<SessionId, CachedSession>,
    /// Incremented whenever sessions end on this instance.
    generation: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct CachedSession {
    user: UserId,
    queried_at: Timestamp,
}

/// The generation of the cache when a query for a session began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generation(u64);

impl Default for SessionCache {
    fn default() -> Self {
        Self { sessions: Cache::new(CAPACITY), generation: AtomicU64::new(0) }
    }
}

impl SessionCache {
    /// The owner of the session, if it was alive less than [`TTL`] ago.
    pub(super) fn find(&self, session: SessionId, now: Timestamp) -> Option<UserId> {
        let cached = self.sessions.get(&session)?;
        (cached.queried_at <= now && now < cached.queried_at + TTL).then_some(cached.user)
    }

    /// The current generation. To be read before the query for a session.
    pub(super) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::SeqCst))
    }

    /// Caches a session that a query returned, unless a session has ended since the query began:
    /// then the result may be stale.
    pub(super) fn insert(
        &self,
        generation: Generation,
        session: SessionId,
        user: UserId,
        queried_at: Timestamp,
    ) {
        self.sessions.insert(session, CachedSession { user, queried_at });
        if self.generation.load(Ordering::SeqCst) != generation.0 {
            self.sessions.remove(&session);
        }
    }

    /// Evicts the session; the next check queries the database.
    pub(super) fn evict(&self, session: SessionId) {
        self.sessions.remove(&session);
    }

    /// Evicts sessions that have ended in the database.
    pub(super) fn end(&self, sessions: &[SessionId]) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        for session in sessions {
            self.sessions.remove(session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::id::IdGenerator;

    #[test]
    fn a_result_that_is_older_than_the_end_of_a_session_is_not_cached() {
        let now = Timestamp::from_millis(1_774_602_900_000);
        let ids = IdGenerator::new(Clock::manual(now));
        let (session, user) = (ids.next(), ids.next());
        let sessions = SessionCache::default();

        let generation = sessions.generation();
        sessions.insert(generation, session, user, now);
        assert_eq!(sessions.find(session, now), Some(user));
        assert_eq!(sessions.find(session, now + TTL), None);
        assert_eq!(sessions.find(session, now - TTL), None, "a clock that was set back");

        let generation = sessions.generation();
        sessions.end(&[session]);
        sessions.insert(generation, session, user, now);
        assert_eq!(sessions.find(session, now), None);
    }
}
