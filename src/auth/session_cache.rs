//! Sessions that were alive a moment ago, so that most requests ask the database nothing about
//! their caller.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};

/// How long a session counts as alive without being looked at again. A session that ended on one
/// copy of the server is refused by the others after this, and a statement's time.
const TTL: Duration = Duration::from_secs(4);

/// How many sessions are remembered: some megabytes, when full.
const CAPACITY: usize = 50_000;

#[derive(Debug)]
pub(super) struct SessionCache {
    seen: Cache<SessionId, CachedSession>,
    /// Grows each time that a session ends here.
    endings: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct CachedSession {
    user: UserId,
    at: Timestamp,
}

/// The moment at which the database was asked about a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generation(u64);

impl Default for SessionCache {
    fn default() -> Self {
        Self { seen: Cache::new(CAPACITY), endings: AtomicU64::new(0) }
    }
}

impl SessionCache {
    /// Whose session this is, if it was alive a moment ago.
    pub(super) fn find(&self, session: SessionId, now: Timestamp) -> Option<UserId> {
        let seen = self.seen.get(&session)?;
        (seen.at <= now && now < seen.at + TTL).then_some(seen.user)
    }

    /// To be called before the database is asked.
    pub(super) fn ask(&self) -> Generation {
        Generation(self.endings.load(Ordering::SeqCst))
    }

    /// Remembers a session that the database knew, unless one ended since it was asked: then the
    /// answer may be out of date.
    pub(super) fn remember(
        &self,
        asked: Generation,
        session: SessionId,
        user: UserId,
        at: Timestamp,
    ) {
        self.seen.insert(session, CachedSession { user, at });
        if self.endings.load(Ordering::SeqCst) != asked.0 {
            self.seen.remove(&session);
        }
    }

    /// Makes the next one who asks about a session ask the database.
    pub(super) fn forget(&self, session: SessionId) {
        self.seen.remove(&session);
    }

    /// Forgets sessions that have ended in the database.
    pub(super) fn end(&self, sessions: &[SessionId]) {
        self.endings.fetch_add(1, Ordering::SeqCst);
        for session in sessions {
            self.seen.remove(session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::id::IdGenerator;

    #[test]
    fn an_answer_that_was_overtaken_by_an_ending_is_not_remembered() {
        let now = Timestamp::from_millis(1_774_602_900_000);
        let ids = IdGenerator::new(Clock::manual(now));
        let (session, user) = (ids.next(), ids.next());
        let sessions = SessionCache::default();

        let asked = sessions.ask();
        sessions.remember(asked, session, user, now);
        assert_eq!(sessions.find(session, now), Some(user));
        assert_eq!(sessions.find(session, now + TTL), None);
        assert_eq!(sessions.find(session, now - TTL), None, "a clock that was set back");

        let asked = sessions.ask();
        sessions.end(&[session]);
        sessions.remember(asked, session, user, now);
        assert_eq!(sessions.find(session, now), None);
    }
}
