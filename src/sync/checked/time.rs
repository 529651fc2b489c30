//! Time of the checked form: whether a deadline has passed is a choice.

use super::atomic::{AtomicBool, Ordering};
use super::{Condvar, MutexGuard, choose, thread};
use crate::check::run;
use crate::sync::plain::time as plain;
use std::sync::Arc as StdArc;
use std::time::Duration;

/// A moment after which waiting should stop, or never.
///
/// In a model each look at it may find it passed, whatever its duration; it then stays so, for its clones too and
/// for everyone who knows of it by a happens-before edge.
#[derive(Clone, Debug)]
pub struct Deadline(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Native(plain::Deadline),
    /// `passed` is an atomic of the model (Relaxed: coherence alone makes it stay passed).
    Modelled {
        after: Duration,
        passed: StdArc<AtomicBool>,
    },
}

impl Deadline {
    /// The moment `after` now.
    #[track_caller]
    pub fn after(after: Duration) -> Self {
        Deadline(match run::current() {
            Some(_) => Repr::Modelled { after, passed: StdArc::new(AtomicBool::new(false)) },
            None => Repr::Native(plain::Deadline::after(after)),
        })
    }
    /// No deadline.
    pub fn never() -> Self {
        Deadline(Repr::Native(plain::Deadline::never()))
    }
    /// Has it passed? Once it has, it stays so.
    #[track_caller]
    pub fn expired(&self) -> bool {
        match &self.0 {
            Repr::Native(deadline) => deadline.expired(),
            Repr::Modelled { passed, .. } => {
                passed.load(Ordering::Relaxed)
                    || choose(2) == 1 && {
                        passed.store(true, Ordering::Relaxed);
                        true
                    }
            }
        }
    }
    /// How long until it passes: zero when it has, `None` if it never does. In a model, the whole duration until
    /// it has.
    #[track_caller]
    pub fn remaining(&self) -> Option<Duration> {
        match &self.0 {
            Repr::Native(deadline) => deadline.remaining(),
            Repr::Modelled { after, .. } => Some(if self.expired() { Duration::ZERO } else { *after }),
        }
    }
    /// Sleeps until it has passed (`true`) or until `limit` has (`false`): a choice, if both can.
    #[track_caller]
    pub fn sleep(&self, limit: &Deadline) -> bool {
        let passed = |deadline: &Deadline| match &deadline.0 {
            Repr::Modelled { passed, .. } => Some(passed.clone()),
            Repr::Native(_) => None, // In a model, `never`.
        };
        let (own, limits) = (passed(self), passed(limit));
        if let (Repr::Native(own), Repr::Native(limit)) = (&self.0, &limit.0) {
            return own.sleep(limit);
        }
        thread::yield_now();
        // Whatever happens before the store below happens while this thread sleeps.
        match (own, limits) {
            (Some(own), _) if own.load(Ordering::Relaxed) => true,
            (own, Some(limit)) if own.is_none() || limit.load(Ordering::Relaxed) || choose(2) == 1 => {
                limit.store(true, Ordering::Relaxed);
                false
            }
            (own, _) => {
                own.into_iter().for_each(|own| own.store(true, Ordering::Relaxed));
                true
            }
        }
    }
    /// Waits on `condvar` until woken (`true`) or until the deadline passes (`false`).
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>) -> bool {
        let timed_out = match &self.0 {
            Repr::Native(deadline) => match deadline.remaining() {
                Some(remaining) => condvar.wait_for(guard, remaining).timed_out(),
                None => {
                    condvar.wait(guard);
                    false
                }
            },
            Repr::Modelled { passed, .. } if passed.load(Ordering::Relaxed) => true,
            Repr::Modelled { after, passed } => {
                let timed_out = condvar.wait_for(guard, *after).timed_out();
                if timed_out {
                    passed.store(true, Ordering::Relaxed);
                }
                timed_out
            }
        };
        !timed_out
    }
    /// Parks this thread: `false` when the deadline has passed, `true` if it may have been unparked before that (or
    /// for no reason, as `park` may).
    #[track_caller]
    pub fn park(&self) -> bool {
        match &self.0 {
            Repr::Native(deadline) => match deadline.remaining() {
                Some(remaining) => {
                    thread::park_timeout(remaining);
                    !deadline.expired()
                }
                None => {
                    thread::park();
                    true
                }
            },
            Repr::Modelled { passed, .. } if passed.load(Ordering::Relaxed) => false,
            Repr::Modelled { after, passed } => {
                let unparked = thread::park_timed(*after);
                if !unparked {
                    passed.store(true, Ordering::Relaxed);
                }
                unparked
            }
        }
    }
}
