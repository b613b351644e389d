//! Rate limits per minute. Each instance counts on its own, in memory. A bucket is full at first and
//! refills evenly (GCRA).

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use quick_cache::sync::Cache;

use super::document::limits::AuthAttempts;
use super::error::ApiError;
use crate::auth::identity::Identity;
use crate::client_ip::{ClientIp, ClientPrefix};
use crate::clock::Clock;
use crate::config::Config;
use crate::id::UserId;

/// Maximum number of keys in each limiter. Beyond that, the least recently used keys are evicted and start
/// with a full budget. A full limiter takes about 15 MB.
const MAX_KEYS: usize = 50_000;

/// The rate limits; `None` if they are off.
#[derive(Debug)]
pub(crate) struct RateLimits(Option<Limiters>);

#[derive(Debug)]
struct Limiters {
    cost: Limiter<RateLimitKey>,
    sign_ins: Limiter<ClientPrefix>,
    failed_refreshes: Limiter<ClientPrefix>,
    registrations: Limiter<ClientPrefix>,
}

/// The budget to which an operation is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RateLimitKey {
    Viewer(UserId),
    /// For clients that are not authenticated.
    ClientPrefix(ClientPrefix),
}

impl RateLimitKey {
    pub(super) fn for_client(identity: Identity, address: ClientIp) -> Self {
        match identity {
            Identity::User(viewer) => Self::Viewer(viewer.user),
            Identity::Anonymous | Identity::Invalid(_) => Self::ClientPrefix(address.network()),
        }
    }
}

/// The state of one rate limit of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QuotaStatus {
    /// The name of the limit.
    pub(crate) policy: &'static str,
    /// Units per [`WINDOW`].
    pub(crate) quota: u32,
    /// Units that are left.
    pub(crate) remaining: u32,
    /// Seconds until the whole quota is available again; if the limit is exceeded, until a retry.
    pub(crate) reset: u64,
}

/// The time in which an exhausted quota refills completely.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// A caller has exceeded a rate limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exceeded {
    pub(crate) quota: QuotaStatus,
    /// How long to wait before a retry.
    pub(crate) retry_after: Duration,
}

impl From<Exceeded> for ApiError {
    fn from(exceeded: Exceeded) -> Self {
        Self::RateLimited { retry_after: exceeded.retry_after }
    }
}

impl RateLimits {
    pub(crate) fn new(config: &Config, clock: &Clock) -> Self {
        if !config.rate_limits {
            return Self(None);
        }
        let limits = &config.limits;
        let policy = |name, per_minute| (name, per_minute, clock.clone());
        Self(Some(Limiters {
            cost: Limiter::new(policy("cost", limits.cost_per_minute)),
            sign_ins: Limiter::new(policy("sign-in", limits.sign_ins_per_minute)),
            failed_refreshes: Limiter::new(policy(
                "failed-refresh",
                limits.failed_refreshes_per_minute,
            )),
            registrations: Limiter::new(policy("register", limits.registrations_per_minute)),
        }))
    }

    /// Charges for parsing a document that is not cached: one unit per token.
    pub(super) fn charge_reading(&self, from: ClientPrefix, tokens: usize) -> Result<(), Exceeded> {
        let Some(limiters) = &self.0 else { return Ok(()) };
        limiters.cost.charge(RateLimitKey::ClientPrefix(from), tokens as u64).map(drop)
    }

    /// Charges for an operation before it runs, and returns the state of the limits.
    pub(super) fn charge(
        &self,
        attempts: AuthAttempts,
        from: ClientPrefix,
        cost: u64,
        payer: RateLimitKey,
    ) -> Result<Vec<QuotaStatus>, Exceeded> {
        let Some(limiters) = &self.0 else { return Ok(Vec::new()) };
        let mut quotas = Vec::with_capacity(2);
        if attempts.sign_ins > 0 {
            quotas.push(limiters.sign_ins.charge(from, attempts.sign_ins.into())?);
        }
        if attempts.registrations > 0 {
            quotas.push(limiters.registrations.charge(from, attempts.registrations.into())?);
        }
        quotas.push(limiters.cost.charge(payer, cost)?);
        Ok(quotas)
    }

    /// Charges for a refresh token that was not valid. Valid ones are never rejected, whatever others at the same
    /// address have tried: they are too long to be guessed.
    pub(super) fn charge_failed_refresh(&self, from: ClientPrefix) -> Result<(), Exceeded> {
        let Some(limiters) = &self.0 else { return Ok(()) };
        limiters.failed_refreshes.charge(from, 1).map(drop)
    }

    /// Charges for a look whether a name or an address is taken, as for a registration.
    pub(super) fn charge_name_check(&self, from: ClientPrefix) -> Result<(), Exceeded> {
        let Some(limiters) = &self.0 else { return Ok(()) };
        limiters.registrations.charge(from, 1).map(drop)
    }

    /// Whether the limits are in force.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Charges for a cost that is not known before the operation runs: another event of a subscription, or a
    /// scan.
    pub(super) fn charge_more(&self, cost: u64, payer: RateLimitKey) -> Result<(), Exceeded> {
        let Some(limiters) = &self.0 else { return Ok(()) };
        limiters.cost.charge(payer, cost).map(drop)
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Clock, StateInformationMiddleware>;

struct Limiter<Key> {
    policy: &'static str,
    per_minute: u32,
    clock: Clock,
    buckets: Cache<Key, Arc<Bucket>>,
}

impl<Key: Copy + Eq + Hash> Limiter<Key> {
    fn new((policy, per_minute, clock): (&'static str, u32, Clock)) -> Self {
        Self { policy, per_minute, clock, buckets: Cache::new(MAX_KEYS) }
    }

    fn charge(&self, key: Key, units: u64) -> Result<QuotaStatus, Exceeded> {
        let status = |remaining, reset| QuotaStatus {
            policy: self.policy,
            quota: self.per_minute,
            remaining,
            reset,
        };
        let exceeded = |wait: Duration| Exceeded {
            quota: status(0, whole_seconds(wait)),
            retry_after: Duration::from_secs(whole_seconds(wait)),
        };
        let units = u32::try_from(units).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        // The initialiser is infallible.
        let bucket = self.buckets.get_or_insert_with(&key, || Ok::<_, ()>(Arc::new(self.bucket())));
        let Ok(bucket) = bucket else { return Ok(status(0, 0)) };
        match bucket.check_n(units) {
            Ok(Ok(snapshot)) => {
                let remaining = snapshot.remaining_burst_capacity();
                let used = u64::from(self.per_minute.saturating_sub(remaining));
                Ok(status(remaining, (WINDOW.as_secs() * used).div_ceil(self.per_minute.into())))
            }
            Ok(Err(not_until)) => {
                Err(exceeded(not_until.wait_time_from(GovernorClock::now(&self.clock))))
            }
            // The charge exceeds the whole quota.
            Err(_) => Err(exceeded(WINDOW)),
        }
    }

    fn bucket(&self) -> Bucket {
        let per_minute = NonZeroU32::new(self.per_minute).unwrap_or(NonZeroU32::MIN);
        RateLimiter::direct_with_clock(Quota::per_minute(per_minute), self.clock.clone())
            .with_middleware()
    }
}

impl<Key> fmt::Debug for Limiter<Key> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl GovernorClock for Clock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.monotonic()
    }
}

/// Rounded up, so that a client that waits this long does not retry too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn limiter(per_minute: u32) -> (Limiter<u64>, Clock) {
        let clock = Clock::manual(Timestamp::from_millis(1_774_602_900_000));
        (Limiter::new(("test", per_minute, clock.clone())), clock)
    }

    #[test]
    fn a_bucket_starts_full_and_refills_evenly() {
        let (limiter, clock) = limiter(20);
        for left in (0..20).rev() {
            let status = limiter.charge(1, 1).expect("within the quota");
            assert_eq!((status.remaining, status.reset), (left, u64::from(20 - left) * 3));
        }
        let exceeded = limiter.charge(1, 1).expect_err("too many");
        assert_eq!(exceeded.retry_after, Duration::from_secs(3));
        assert_eq!(limiter.charge(2, 1).expect("another key").remaining, 19);
        clock.advance(Duration::from_secs(2));
        assert_eq!(
            limiter.charge(1, 1).expect_err("too early").retry_after,
            Duration::from_secs(1)
        );
        clock.advance(Duration::from_secs(1));
        assert_eq!(limiter.charge(1, 1).expect("after the reported wait").remaining, 0);
    }

    #[test]
    fn rejected_requests_are_not_charged() {
        let (limiter, _) = limiter(20);
        limiter.charge(1, 15).expect("enough");
        limiter.charge(1, 6).expect_err("too many");
        limiter.charge(1, 21).expect_err("more than the quota");
        assert_eq!(limiter.charge(1, 5).expect("the rest").remaining, 0);
    }

    #[test]
    fn the_number_of_tracked_keys_is_bounded() {
        let (limiter, _) = limiter(20);
        for key in 0..3 * MAX_KEYS as u64 {
            limiter.charge(key, 1).expect("the first charge of a key");
        }
        assert!(limiter.buckets.len() <= MAX_KEYS, "{}", limiter.buckets.len());
    }
}
