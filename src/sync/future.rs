//! Waiting for a future, written on the facade itself, so that one source serves both forms.

use super::thread::{self, Thread};
use super::{AtomicBool, Ordering};
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
