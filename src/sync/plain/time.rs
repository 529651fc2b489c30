//! Time of the production form.

use super::{Condvar, MutexGuard};
use std::time::{Duration, Instant};

/// A moment after which waiting should stop, or never.
///
/// Code that asks a deadline instead of a clock can be checked: there, expiry is a choice.
#[derive(Clone, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// The moment `after` now; [`Deadline::never`] if that is beyond what the clock can express.
    #[inline]
    pub fn after(after: Duration) -> Self {
        Deadline(Instant::now().checked_add(after))
    }
    /// No deadline.
    #[inline]
    pub fn never() -> Self {
        Deadline(None)
    }
    /// Has it passed? Once it has, it stays so.
    #[inline]
    pub fn expired(&self) -> bool {
        self.0.is_some_and(|at| Instant::now() >= at)
    }
    /// How long until it passes: zero when it has, `None` if it never does.
    #[inline]
    pub fn remaining(&self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }
    /// Sleeps until it has passed (`true`) or until `limit` has (`false`).
    #[inline]
    pub fn sleep(&self, limit: &Deadline) -> bool {
        let first = match (self.0, limit.0) {
            (Some(own), Some(limit)) => Some(own.min(limit)),
            (own, limit) => own.or(limit),
        };
        match first {
            Some(at) => std::thread::sleep(at.saturating_duration_since(Instant::now())),
            None => loop {
                std::thread::sleep(Duration::MAX);
            },
        }
        self.expired()
    }
    /// Waits on `condvar` until woken (`true`) or until the deadline passes (`false`).
    #[inline]
    pub fn wait<T: ?Sized>(&self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>) -> bool {
        match self.0 {
            Some(at) => !condvar.wait_until(guard, at).timed_out(),
            None => {
                condvar.wait(guard);
                true
            }
        }
    }
    /// Parks this thread: `false` when the deadline has passed, `true` if it may have been unparked before that (or
    /// for no reason, as `park` may).
    #[inline]
    pub fn park(&self) -> bool {
        match self.remaining() {
            Some(remaining) => {
                std::thread::park_timeout(remaining);
                !self.expired()
            }
            None => {
                std::thread::park();
                true
            }
        }
    }
}
