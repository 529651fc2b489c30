//! The leader's side: the attempt, which owns the resource, and the failure that everyone hears of.

use super::queue::Outcome;
use super::{CONNECTED, COOLING, ConnectGate, Epoch, IDLE, Owned};
use crate::sync::Arc;
use crate::sync::time::Deadline;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// The right, and the duty, to connect. Dereferences to the resource, which it owns for as long as it lives.
///
/// Ends with [`commit`](Attempt::commit) or [`fail`](Attempt::fail). Dropping it abandons the attempt: a waiter,
/// or the next caller, leads the next one at once.
#[must_use = "dropping an attempt abandons it"]
pub struct Attempt<'g, R, E> {
    gate: &'g ConnectGate<R, E>,
    epoch: Epoch,
    /// Behaves as the exclusive reference that it stands for: sharing an attempt shares `R`.
    exclusive: PhantomData<&'g mut R>,
}

impl<'g, R, E> Attempt<'g, R, E> {
    /// Only for whoever has just moved the word of `gate` to *attempting* with `epoch`.
    pub(super) fn new(gate: &'g ConnectGate<R, E>, epoch: Epoch) -> Self {
        Attempt { gate, epoch, exclusive: PhantomData }
    }

    /// Which attempt it is.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn owned(&mut self) -> &mut Owned<R> {
        self.gate.owned.with_mut(|owned| {
            // SAFETY: only an `Attempt` gets here, and this one exists because its thread moved the word to
            // *attempting*; nobody can move it on but this attempt's own end, which takes it by value. The last
            // leader's accesses happened before (Acquire in `Enter`). The borrow of `self` keeps this the only
            // reference.
            unsafe { &mut *owned }
        })
    }

    /// Connected. Wakes everyone who waits for this attempt; returns its epoch, to be named when it breaks.
    pub fn commit(mut self) -> Epoch {
        if self.gate.backoff.counts_successes() {
            // Until it has lasted.
            let _cooling = self.cools();
        } else {
            self.owned().failures = 0;
        }
        let this = ManuallyDrop::new(self);
        this.gate.publish(this.epoch, CONNECTED, Outcome::Connected);
        this.epoch
    }

    /// Not connected. Everyone who waits for this attempt gets the same failure; the next attempt may start when
    /// the back-off is over.
    pub fn fail(mut self, error: E) -> Failure<E> {
        let phase = if self.cools() { COOLING } else { IDLE };
        let error = Arc::new(error);
        let this = ManuallyDrop::new(self);
        this.gate.publish(this.epoch, phase, Outcome::Failed(error.clone()));
        Failure { epoch: this.epoch, error }
    }
}

impl<R, E> Attempt<'_, R, E> {
    /// One more in the streak of attempts that came to nothing, or may yet: begins its pause. `false`: there is none.
    fn cools(&mut self) -> bool {
        let policy = self.gate.backoff;
        if policy.counts_successes() && std::mem::take(&mut self.gate.shared.lock().lasted) {
            self.owned().failures = 0;
        }
        let owned = self.owned();
        owned.failures = owned.failures.saturating_add(1);
        let delay = policy.delay(owned.failures);
        if delay == Duration::ZERO {
            return false;
        }
        self.gate.shared.lock().not_before = Some(Deadline::after(delay));
        true
    }
}

impl<R, E> Deref for Attempt<'_, R, E> {
    type Target = R;

    fn deref(&self) -> &R {
        self.gate.owned.with(|owned| {
            // SAFETY: as in `owned`; a shared borrow of `self` gives a shared reference.
            unsafe { &(*owned).resource }
        })
    }
}

impl<R, E> DerefMut for Attempt<'_, R, E> {
    fn deref_mut(&mut self) -> &mut R {
        &mut self.owned().resource
    }
}

impl<R, E> Drop for Attempt<'_, R, E> {
    fn drop(&mut self) {
        self.gate.publish(self.epoch, IDLE, Outcome::Abandoned);
    }
}

impl<R: fmt::Debug, E> fmt::Debug for Attempt<'_, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("epoch", &self.epoch).field("resource", &**self).finish()
    }
}

/// An attempt failed: which, and why. Its leader and everyone who waited for it get the same error.
pub struct Failure<E> {
    pub(super) epoch: Epoch,
    pub(super) error: Arc<E>,
}

impl<E> Failure<E> {
    /// Which attempt.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Why.
    pub fn error(&self) -> &E {
        &self.error
    }

    /// Why, to keep.
    pub fn into_error(self) -> Arc<E> {
        self.error
    }
}

impl<E> Clone for Failure<E> {
    fn clone(&self) -> Self {
        Failure { epoch: self.epoch, error: self.error.clone() }
    }
}

impl<E: fmt::Debug> fmt::Debug for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure").field("epoch", &self.epoch).field("error", self.error()).finish()
    }
}

impl<E> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection attempt {} failed", self.epoch)
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Failure<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.error())
    }
}
