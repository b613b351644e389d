//! The recent events of this instance, for instances that may have missed them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::events::event::Event;

/// How long events are kept for a replay.
pub(super) const REPLAY_WINDOW: Duration = Duration::from_secs(60);

/// Maximum time until a join is received. Events delivered only locally in that time are replayed.
pub(super) const JOIN_REPLAY_WINDOW: Duration = Duration::from_secs(2);

/// Maximum number of events kept for a replay.
const REPLAY_CAPACITY: usize = 10_000;

/// Which instances must receive an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Scope {
    /// This process only.
    Local,
    /// All instances; other instances exist or may exist.
    #[default]
    AllInstances,
}

/// The recent events of this instance, and the scope of new events.
#[derive(Debug, Default)]
pub(super) struct ReplayBuffer(Mutex<ReplayState>);

#[derive(Debug, Default)]
struct ReplayState {
    scope: Scope,
    /// Oldest first, each with the time of its publication.
    kept: VecDeque<(Instant, Event)>,
}

impl ReplayBuffer {
    /// Stores events that are about to be published, and returns their scope. Both happen under one lock: an
    /// event that is delivered only locally is stored before another instance is detected, so the replay
    /// for that instance includes it.
    pub(super) fn record(&self, events: &[Event]) -> Scope {
        let now = Instant::now();
        let ReplayState { scope, kept } = &mut *self.lock();
        while kept.front().is_some_and(|(then, _)| now.duration_since(*then) >= REPLAY_WINDOW) {
            kept.pop_front();
        }
        kept.extend(events.iter().map(|event| (now, *event)));
        let too_many = kept.len().saturating_sub(REPLAY_CAPACITY);
        kept.drain(..too_many);
        *scope
    }

    /// The events of the last `time`, oldest first.
    pub(super) fn events_within(&self, time: Duration) -> Vec<Event> {
        let now = Instant::now();
        let recent = |(then, _): &&(Instant, Event)| now.duration_since(*then) < time;
        self.lock().kept.iter().filter(recent).map(|(_, event)| *event).collect()
    }

    /// Sets the scope and returns the previous one.
    pub(super) fn set_scope(&self, scope: Scope) -> Scope {
        std::mem::replace(&mut self.lock().scope, scope)
    }

    fn lock(&self) -> MutexGuard<'_, ReplayState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
