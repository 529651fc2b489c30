//! How long to stay away from a peer that has just refused: a policy by value, a pure function of the streak.

use crate::sync::choose;
use std::time::Duration;

/// The pause between a failed attempt and the next.
///
/// ```
/// use selvedge::connect_gate::Backoff;
/// use std::time::Duration;
///
/// let policy = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30));
/// assert_eq!(policy.delay(1), Duration::from_millis(100));
/// assert_eq!(policy.delay(3), Duration::from_millis(400));
/// assert_eq!(policy.delay(60), Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    jitter: bool,
}

impl Backoff {
    /// The next attempt may start at once.
    pub const NONE: Backoff = Backoff::constant(Duration::ZERO);

    /// The same pause after each failure.
    pub const fn constant(pause: Duration) -> Backoff {
        Backoff { first: pause, longest: pause, jitter: false }
    }

    /// `first` after the first failure, twice as long after each further one, never longer than `longest`.
    pub const fn exponential(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, jitter: false }
    }

    /// Cuts each pause to a random part of it, at least half, so that the clients of a peer that comes back do
    /// not all return in the same instant.
    pub const fn with_jitter(mut self) -> Backoff {
        self.jitter = true;
        self
    }

    /// The pause after `failures` failures in a row; none after none.
    pub fn delay(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let full = match 1u32.checked_shl(doublings) {
            Some(factor) => self.first.saturating_mul(factor).min(self.longest),
            None if self.first == Duration::ZERO => Duration::ZERO,
            None => self.longest,
        };
        if !self.jitter || full == Duration::ZERO {
            return full;
        }
        const PARTS: u32 = 64;
        full - full / (2 * PARTS) * choose(PARTS)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff::NONE
    }
}
