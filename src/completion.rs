//! [`Completion`]: a one-shot that may live on its waiter's stack, because the waiter leaves only after the completer's
//! last access.
//!
//! The classic mistake is a semaphore on the stack: the completer lets the waiter go and then touches the semaphore once
//! more, to wake a sleeper that has already returned. The classic sequel is a timed wait, after which the object dies
//! while a handler holds its address. Here the [`Signal`] is the one right to touch the completion, and
//! [`Completion::scope`] does not return before it is used up: completed, or dropped. A wait that times out is therefore
//! not over: its [`TimedOut`] is ended by getting the signal back from wherever it was left (*cancel*), or by waiting
//! for whoever has it (*drain*).
//!
//! ```
//! use selvedge::completion::{Completion, Waited};
//! use selvedge::sync::thread;
//! use selvedge::sync::time::Deadline;
//! use std::time::Duration;
//!
//! let answer = Completion::scope(|waiter, signal| {
//!     // The signal is not bound to the scope: it may go to any thread. The completion stays where it is.
//!     thread::spawn(move || signal.complete(42));
//!     match waiter.wait_until(&Deadline::after(Duration::from_secs(5))) {
//!         Waited::Done(answer) => answer,
//!         // Nothing was kept by which the signal could be taken back: wait for whoever has it.
//!         Waited::TimedOut(late) => late.drain(),
//!     }
//! });
//! assert_eq!(answer, Ok(42));
//! ```
//!
//! To be able to cancel, leave the signal where both sides look for it: in a [`PendingCalls`], where exactly one of
//! reply, timeout and abort gets it.
//!
//! # States
//! | word | the completion is | who may touch the value |
//! |---|---|---|
//! | `PENDING` | not over | the owner of the signal |
//! | `DONE` | completed | the waiter; the signal is used up |
//! | `ABANDONED` | over, without a value | the waiter; the signal was dropped |
//!
//! The store that leaves `PENDING` is the last access through the signal, and no reference to the completion is held
//! across it but one to the word. The waiter's thread handle is the signal's own, so that waking it touches nothing of the
//! completion.
//!
//! # What is promised
//! * No access to the completion after its scope, whatever the order of completer, timeout and panic.
//! * No allocation; one store for the completer, then a wake-up.
//! * A signal that is forgotten (`mem::forget`) keeps its scope from returning: that is safe, and a hang.
//!
//! The waiter is a thread, not a task: a task can be dropped at any time, which nobody who must wait can allow.
//!
//! [`PendingCalls`]: crate::claim::PendingCalls

use crate::sync::thread::{self, Thread};
use crate::sync::time::Deadline;
use crate::sync::{AtomicU32, Named, Ordering, Tracked, TrackedPtr, UnsafeCell};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

const PENDING: u32 = 0;
const DONE: u32 = 1;
const ABANDONED: u32 = 2;

/// A one-shot. See the [module](self).
pub struct Completion<T> {
    word: AtomicU32,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value is written by the one owner of the signal before it leaves `PENDING` with Release, and read by the
// one waiter after it has seen that with Acquire. A value crosses threads that way, so `T: Send`; it is never shared.
unsafe impl<T: Send> Sync for Completion<T> {}

impl<T> Completion<T> {
    /// Runs `f` with the two ends of a new completion. Returns when `f` has returned *and* the signal is used up.
    pub fn scope<R>(f: impl FnOnce(Waiter<'_, T>, Signal<T>) -> R) -> R {
        let frame = Frame(ManuallyDrop::new(Tracked::new(Completion::pending()).named("completion")));
        // From here on `frame` is not moved. Locals are dropped last first: `drain` waits, then `frame` dies.
        let drain = Drain(&frame.0);
        let signal = Signal(Some((frame.0.ptr(), thread::current())));
        f(Waiter { completion: drain.0, here: PhantomData }, signal)
    }

    fn pending() -> Self {
        Completion {
            word: AtomicU32::new(PENDING).named("completion.word"),
            value: UnsafeCell::new(None).named("completion.value"),
        }
    }

    fn over(&self) -> bool {
        // Acquire: pairs with the Release in `Signal::finish`; whoever destroys the completion does so after the last
        // access through the signal.
        self.word.load(Ordering::Acquire) != PENDING
    }

    /// The result, if it is over. Called by the waiter alone.
    fn poll(&self) -> Option<Result<T, Abandoned>> {
        if !self.over() {
            return None;
        }
        // SAFETY: the signal is used up, and its owner's write happens before the load in `over`. There is one waiter,
        // and it is the caller.
        Some(self.value.with_mut(|value| unsafe { (*value).take() }).ok_or(Abandoned))
    }
}

/// The completion on the stack of [`Completion::scope`].
struct Frame<T>(ManuallyDrop<Tracked<Completion<T>>>);

impl<T> Drop for Frame<T> {
    fn drop(&mut self) {
        // It is over, because `Drain` came first: but for an execution of a model that was abandoned, where nobody
        // waits. There the signal may still be out and the completion is left alone.
        if self.0.over() {
            // SAFETY: dropped once, here. The signal is used up and the waiter's borrow has ended, so nobody else can
            // reach the completion.
            unsafe { ManuallyDrop::drop(&mut self.0) }
        }
    }
}

/// Waits at the end of the scope, also when it unwinds.
struct Drain<'s, T>(&'s Tracked<Completion<T>>);

impl<T> Drop for Drain<'_, T> {
    fn drop(&mut self) {
        thread::park_until(|| self.0.over());
    }
}

/// The signal was dropped without a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abandoned;

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whoever was to complete it has given up")
    }
}

impl std::error::Error for Abandoned {}

/// The one right to complete, and until it is used up the one right to touch the completion. Dropped, it abandons.
pub struct Signal<T>(Option<(TrackedPtr<Completion<T>>, Thread)>);

impl<T> Signal<T> {
    /// Completes with `value` and lets the waiter go.
    pub fn complete(mut self, value: T) {
        self.finish(Some(value));
    }

    fn finish(&mut self, value: Option<T>) {
        let Some((completion, waiter)) = self.0.take() else { return };
        let end = if value.is_some() { DONE } else { ABANDONED };
        if value.is_some() {
            // SAFETY: the scope does not end, nor its completion move, before the word has left `PENDING`, which only a
            // signal does, once, and this one has not yet: nobody has exclusive access while the closure runs. For the
            // same reason the waiter keeps away from the value, and there is one signal.
            unsafe { completion.with(|c| c.value.with_mut(|slot| *slot = value)) };
        }
        // The last access, through a reference to the word alone: the completion may be gone before the store returns.
        // Release: pairs with the Acquire in `over`; the value and every access of ours happen before the waiter goes on.
        //
        // SAFETY: until the store the scope has not ended, as above, and the word is shared with the waiter's loads only.
        // From the store on the waiter may destroy the completion and leave its frame: `field` has formed no reference,
        // the one to the word covers an `UnsafeCell` and nothing else, and nothing is done with it any more.
        unsafe { completion.with_last(|c| &raw const (*c).word, |word| word.store(end, Ordering::Release)) };
        waiter.unpark();
    }
}

impl<T> Drop for Signal<T> {
    fn drop(&mut self) {
        self.finish(None);
    }
}

impl<T> fmt::Debug for Signal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signal(..)")
    }
}

/// The waiting end. It stays on the thread that made it: the signal knows no other to wake.
pub struct Waiter<'s, T> {
    completion: &'s Tracked<Completion<T>>,
    here: PhantomData<*const ()>,
}

impl<'s, T> Waiter<'s, T> {
    /// Waits for the result.
    pub fn wait(self) -> Result<T, Abandoned> {
        let mut result = None;
        thread::park_until(|| {
            result = self.completion.poll();
            result.is_some()
        });
        // Nothing only where an execution of a model was abandoned.
        result.unwrap_or(Err(Abandoned))
    }

    /// Waits for the result until the deadline passes.
    pub fn wait_until(self, deadline: &Deadline) -> Waited<'s, T> {
        loop {
            if let Some(result) = self.completion.poll() {
                return Waited::Done(result);
            }
            if !deadline.park() {
                return match self.completion.poll() {
                    Some(result) => Waited::Done(result),
                    None => Waited::TimedOut(TimedOut(self)),
                };
            }
        }
    }
}

impl<T> fmt::Debug for Waiter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiter(..)")
    }
}

/// How a timed wait came out.
#[derive(Debug)]
#[must_use = "a wait that has timed out is not over"]
pub enum Waited<'s, T> {
    /// The result.
    Done(Result<T, Abandoned>),
    /// The deadline has passed, and the signal is still out.
    TimedOut(TimedOut<'s, T>),
}

/// A wait whose deadline has passed. The completion cannot die yet, for somebody may be about to complete it. Dropped,
/// it leaves the draining to the end of the scope.
#[must_use = "cancel it or drain it: the scope will not return before the signal is used up"]
pub struct TimedOut<'s, T>(Waiter<'s, T>);

impl<T> TimedOut<'_, T> {
    /// Ends the wait with the signal in hand: whoever holds it knows that nobody is completing.
    ///
    /// # Errors
    /// If the signal is another completion's, both come back, and nothing has happened to either.
    pub fn cancel(self, signal: Signal<T>) -> Result<(), (Self, Signal<T>)> {
        if !signal.0.as_ref().is_some_and(|(ptr, _)| ptr.points_to(self.0.completion)) {
            return Err((self, signal));
        }
        drop(signal);
        let _abandoned = self.drain();
        Ok(())
    }

    /// Waits for whoever has the signal, without a deadline: such code is past the point where it could be stopped.
    pub fn drain(self) -> Result<T, Abandoned> {
        self.0.wait()
    }
}

impl<T> fmt::Debug for TimedOut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimedOut(..)")
    }
}

static_assertions::assert_impl_all!(Signal<std::cell::Cell<u8>>: Send);
static_assertions::assert_not_impl_any!(Signal<std::rc::Rc<u8>>: Send);
static_assertions::assert_not_impl_any!(Waiter<'static, u8>: Send, Sync);
static_assertions::assert_not_impl_any!(TimedOut<'static, u8>: Send, Sync);
