//! How long to stay away from a peer that has just refused: a policy by value, a pure function of the streak.

use crate::sync::choose;
use std::time::Duration;

/// The pause between a failed attempt and the next; also after one that succeeded, if
/// [asked for](Backoff::also_after_success).
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
    after_success: bool,
}

impl Backoff {
    /// The next attempt may start at once.
    pub const NONE: Backoff = Backoff::constant(Duration::ZERO);

    /// The same pause after each failure.
    pub const fn constant(pause: Duration) -> Backoff {
        Backoff::exponential(pause, pause)
    }

    /// `first` after the first failure, twice as long after each further one, never longer than `longest`.
    pub const fn exponential(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, jitter: false, after_success: false }
    }

    /// Cuts each pause to a random part of it, at least half, so that the clients of a peer that comes back do
    /// not all return in the same instant.
    pub const fn with_jitter(mut self) -> Backoff {
        self.jitter = true;
        self
    }

    /// Counts a success as one more failure until it has lasted: the pause begins with it too, and the streak is over only
    /// when the connection breaks after that.
    ///
    /// Without this a peer that accepts and closes at once (a full backlog, a proxy with nobody behind it) is connected to
    /// again and again without a pause, for each attempt succeeds.
    ///
    /// ```
    /// use selvedge::connect_gate::{Backoff, ConnectGate, Turn};
    /// use selvedge::sync::time::Deadline;
    /// use std::time::Duration;
    ///
    /// let hour = Duration::from_secs(3600);
    /// let gate: ConnectGate<(), &str> = ConnectGate::with_backoff((), Backoff::constant(hour).also_after_success());
    /// let epoch = gate.ensure(&Deadline::never(), |_| Ok(())).unwrap();
    /// assert!(gate.invalidate(epoch), "the peer has closed it already");
    /// assert!(matches!(gate.enter_blocking(&Deadline::never()), Ok(Turn::Backoff(_))));
    /// ```
    pub const fn also_after_success(mut self) -> Backoff {
        self.after_success = true;
        self
    }

    /// Does a success count until it has lasted?
    pub(super) fn counts_successes(&self) -> bool {
        self.after_success
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
