//! `Condvar` of the checked form: waiting and waking are the engine's.

use super::handle::{Handle, Repr, named_by};
use super::mutex::{Held, MutexGuard};
use crate::check::event::{ObjectKind, Op};
use crate::sync::plain;
use std::fmt;
use std::time::{Duration, Instant};

/// `condvar` is waited on with `mutex`.
fn pairs(condvar: Handle, mutex: Handle) {
    if let Some(run) = condvar.run() {
        run.waits_with(condvar.obj, mutex.obj);
    }
}

/// A condition variable, with parking_lot's API. Timeouts are choices: they may fire whatever their duration.
pub struct Condvar {
    repr: Repr<plain::Condvar>,
}

/// Did a timed wait end by its timeout?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// It did.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// A new condition variable.
    #[track_caller]
    pub fn new() -> Self {
        Condvar { repr: Repr::new(ObjectKind::Condvar, 0, plain::Condvar::new) }
    }
    /// Wakes one waiter, if there is one; says whether.
    #[track_caller]
    pub fn notify_one(&self) -> bool {
        match self.repr.get() {
            Repr::Native(c) => c.notify_one(),
            Repr::Modelled(h) => h.perform(Op::Notify { obj: h.obj, all: false }).value != 0,
        }
    }
    /// Wakes all waiters; says how many.
    #[track_caller]
    pub fn notify_all(&self) -> usize {
        match self.repr.get() {
            Repr::Native(c) => c.notify_all(),
            Repr::Modelled(h) => h.perform(Op::Notify { obj: h.obj, all: true }).value as usize,
        }
    }
    /// Releases the mutex, waits to be woken, acquires the mutex again.
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.section_ends();
        match (self.repr.get(), guard.held()) {
            (Repr::Native(c), Held::Native(g)) => c.wait(g),
            (Repr::Modelled(h), Held::Modelled(m, _)) => {
                pairs(h, *m);
                h.perform(Op::Wait { obj: h.obj, mutex: m.obj, timed: false });
            }
            _ => strangers(),
        }
    }
    /// [`Condvar::wait`], but at most for `timeout`.
    #[track_caller]
    pub fn wait_for<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, timeout: Duration) -> WaitTimeoutResult {
        guard.section_ends();
        WaitTimeoutResult(match (self.repr.get(), guard.held()) {
            (Repr::Native(c), Held::Native(g)) => c.wait_for(g, timeout).timed_out(),
            (Repr::Modelled(h), Held::Modelled(m, _)) => {
                pairs(h, *m);
                !h.perform(Op::Wait { obj: h.obj, mutex: m.obj, timed: true }).ok
            }
            _ => strangers(),
        })
    }
    /// [`Condvar::wait`], but at most until `timeout`.
    #[track_caller]
    pub fn wait_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        timeout: Instant,
    ) -> WaitTimeoutResult {
        self.wait_for(guard, timeout.saturating_duration_since(Instant::now()))
    }
    /// Waits until `condition` is false.
    #[track_caller]
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) {
        while condition(guard) {
            self.wait(guard);
        }
    }
    /// Waits until `condition` is false, but at most for `timeout`.
    #[track_caller]
    pub fn wait_while_for<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: impl FnMut(&mut T) -> bool,
        timeout: Duration,
    ) -> WaitTimeoutResult {
        match Instant::now().checked_add(timeout) {
            Some(at) => self.wait_while_until(guard, condition, at),
            None => {
                self.wait_while(guard, condition);
                WaitTimeoutResult(false)
            }
        }
    }
    /// Waits until `condition` is false, but at most until `timeout`.
    #[track_caller]
    pub fn wait_while_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
        timeout: Instant,
    ) -> WaitTimeoutResult {
        let mut result = WaitTimeoutResult(false);
        while !result.timed_out() && condition(guard) {
            result = self.wait_until(guard, timeout);
        }
        WaitTimeoutResult(result.timed_out() && condition(guard))
    }
}

/// The condition variable and the mutex were not made in the same place.
#[cold]
#[track_caller]
fn strangers() -> ! {
    panic!("a Condvar and its Mutex must both be made inside the model, or both outside")
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").field("object", &self.repr).finish()
    }
}

named_by!(repr: [] Condvar);
