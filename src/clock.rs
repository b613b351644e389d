//! The clock. No other module reads the system time.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sea_orm::DeriveValueType;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use tokio::sync::watch;

/// An instant in UTC, in whole milliseconds since the Unix epoch.
///
/// Both databases store it as a 64-bit integer: ordering, comparison and indexes work the same in both, and
/// a cursor that contains it is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant this many milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The instant this many whole seconds after the Unix epoch.
    pub(crate) const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub(crate) const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The year in UTC.
    pub(crate) fn utc_year(self) -> i32 {
        OffsetDateTime::from_unix_timestamp(self.as_secs()).map_or(0, OffsetDateTime::year)
    }

    /// The time since an earlier instant; zero if that instant is later.
    pub(crate) fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Parses an RFC 3339 date-time with any offset. Digits below a millisecond are dropped.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let millis = instant.unix_timestamp_nanos().div_euclid(1_000_000);
        i64::try_from(millis).ok().map(Self)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-03-27T09:15:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        let nanos = i128::from(self.0) * 1_000_000;
        let instant = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| fmt::Error)?;
        let text = instant.format(format).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// A clock: the system clock, or a manual clock that changes only when a test advances it.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<watch::Sender<Timestamp>>),
}

impl Clock {
    /// The system clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A manual clock, which returns `start` until [`Clock::advance`] changes it.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(start))))
    }

    /// The current instant.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(0) + since_epoch
            }
            Source::Manual(now) => *now.borrow(),
        }
    }

    /// Monotonic time since an arbitrary instant.
    pub(crate) fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match &self.0 {
            Source::System => START.elapsed(),
            Source::Manual(now) => {
                Duration::from_millis(u64::try_from(now.borrow().0).unwrap_or(0))
            }
        }
    }

    /// Advances a manual clock and every clone of it. Has no effect on the system clock.
    pub fn advance(&self, duration: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.send_modify(|now| *now = *now + duration);
        }
    }

    /// Waits until this clock reaches an instant.
    pub(crate) async fn sleep_until(&self, instant: Timestamp) {
        match &self.0 {
            // The system clock may be set during the wait, so check it again at intervals.
            Source::System => loop {
                let now = self.now();
                if now >= instant {
                    return;
                }
                let left = u64::try_from(instant.0.saturating_sub(now.0)).unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(left).min(CLOCK_RECHECK)).await;
            },
            Source::Manual(now) => {
                // Cannot fail, because `self` owns the sender.
                let _ = now.subscribe().wait_for(|now| *now >= instant).await;
            }
        }
    }

    /// Waits for a duration by this clock.
    pub(crate) async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }
}

/// The longest wait before the system clock is checked again.
const CLOCK_RECHECK: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_displayed_with_milliseconds() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            Timestamp::from_millis(1_774_602_900_007).to_string(),
            "2026-03-27T09:15:00.007Z"
        );
    }

    #[test]
    fn years_begin_at_midnight_in_utc() {
        for (instant, year) in [
            ("2026-12-31T23:59:59.999Z", 2026),
            ("2027-01-01T00:00:00Z", 2027),
            ("2027-01-01T00:30:00+01:00", 2026),
        ] {
            assert_eq!(Timestamp::parse(instant).map(Timestamp::utc_year), Some(year), "{instant}");
        }
    }

    #[tokio::test]
    async fn sleep_ends_when_the_clock_reaches_the_deadline() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let wait = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_secs(900)).await;
                clock.now()
            }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(899));
        tokio::task::yield_now().await;
        assert!(!wait.is_finished());
        clock.advance(Duration::from_secs(1));
        assert_eq!(wait.await.expect("an end"), Timestamp::from_secs(900));
    }

    #[test]
    fn timestamps_parse_with_any_offset() {
        let utc = Timestamp::parse("2026-03-27T09:15:00Z");
        assert_eq!(utc, Timestamp::parse("2026-03-27T10:15:00.0009+01:00"));
        assert_eq!(utc.map(|t| t.to_string()).as_deref(), Some("2026-03-27T09:15:00.000Z"));
        for nonsense in ["", "2026-03-27", "2026-02-30T00:00:00Z", "09:15", "2026-03-27T09:15:00"] {
            assert_eq!(Timestamp::parse(nonsense), None, "{nonsense}");
        }
    }
}
