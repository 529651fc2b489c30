//! Waiting for a future, and for whoever waits for one; written on the facade itself, so that one source serves both
//! forms.

use super::thread::{self, Thread};
use super::{AtomicBool, Mutex, Ordering};
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

/// What a waker of [`block_on`] points to.
///
/// | `woken` | means | next |
/// |---|---|---|
/// | false | nothing to do since the last poll began | true, by `wake` |
/// | true | a wake-up is pending; whoever made it unparks | false, by the waiter, before it polls |
///
/// A flag beside the park token, so that a wake-up survives a token that the future itself consumes.
struct Signal {
    thread: Thread,
    woken: AtomicBool,
}

impl Signal {
    fn wake(&self) {
        // Release: pairs with the waiter's Acquire swap, so that the poll sees what was done before the wake-up.
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

/// One address for all wakers: `Waker::will_wake` compares it, and a table that is promoted from a constant may
/// be duplicated by the compiler.
static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: `data` came from `Arc::into_raw` in `block_on` or here, and the waker being cloned holds one
        // count, so the allocation is alive.
        unsafe { Arc::increment_strong_count(data.cast::<Signal>()) };
        RawWaker::new(data, &VTABLE)
    },
    |data| {
        // SAFETY: as above; `wake` consumes the waker, hence its count.
        unsafe { Arc::from_raw(data.cast::<Signal>()) }.wake();
    },
    |data| {
        // SAFETY: as above; `wake_by_ref` leaves the count with the waker, hence `ManuallyDrop`.
        ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Signal>()) }).wake();
    },
    |data| {
        // SAFETY: as above; dropping the waker gives its count back.
        drop(unsafe { Arc::from_raw(data.cast::<Signal>()) });
    },
);

/// Runs `future` to its end on this thread, parking between polls.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let signal = Arc::new(Signal { thread: thread::current(), woken: AtomicBool::new(false) });
    // SAFETY: `VTABLE` upholds the contract of `RawWaker` on an `Arc<Signal>`, which is Send and Sync.
    let waker = unsafe { Waker::from_raw(RawWaker::new(Arc::into_raw(signal.clone()).cast(), &VTABLE)) };
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        // Acquire: pairs with the Release swap in `wake`.
        while !signal.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

/// A place for the waker of one task: the task registers it, others wake it.
///
/// Register first and then look at what is waited for: a wake-up that came before the registration finds nobody.
///
/// | waker | means | next |
/// |---|---|---|
/// | none | nobody waits | some, by `register` |
/// | some | a task waits | another, by `register`; none, by `wake` or `take_waker` |
#[derive(Debug, Default)]
pub struct AtomicWaker {
    waker: Mutex<Option<Waker>>,
}

impl AtomicWaker {
    /// Nobody waits.
    #[track_caller]
    pub fn new() -> Self {
        AtomicWaker { waker: Mutex::new(None) }
    }

    /// The task of `waker` waits, and nobody else.
    #[track_caller]
    pub fn register(&self, waker: Waker) {
        let before = self.waker.lock().replace(waker);
        // Dropped when the lock is free again: a waker may do anything then.
        drop(before);
    }

    /// [`AtomicWaker::register`] for a waker that is borrowed; it is not cloned if it is registered already.
    #[track_caller]
    pub fn register_by_ref(&self, waker: &Waker) {
        if self.waker.lock().as_ref().is_some_and(|w| w.will_wake(waker)) {
            return;
        }
        // Cloned, as dropped, when the lock is free: a waker may do anything then. Whoever wakes meanwhile takes the one
        // that was there; the task then looks again, which is what registering first is for.
        self.register(waker.clone());
    }

    /// Takes the waker of the task that waits, if one does.
    #[track_caller]
    pub fn take_waker(&self) -> Option<Waker> {
        self.waker.lock().take()
    }

    /// Wakes the task that waits, if one does. What was done before it is seen by the task.
    #[track_caller]
    pub fn wake(&self) {
        if let Some(waker) = self.take_waker() {
            waker.wake();
        }
    }
}
