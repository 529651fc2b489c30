//! Time of the production form.

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
}
