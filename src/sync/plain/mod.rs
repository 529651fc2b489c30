//! The production form: what ships.
//!
//! Re-exports of parking_lot and std where the names already mean the right thing; `repr(transparent)` inline
//! wrappers where the checked form needs another shape (atomics and cells give exclusive access through a
//! closure, `ArcSwap` hides its strategy parameter). Nothing here knows that a checked form exists.

mod arc_swap;
pub mod atomic;
pub mod cell;
pub mod hint;
mod random;
pub mod time;
mod tracked;

pub use arc_swap::{ArcSwap, ArcSwapGuard};
pub use parking_lot::{
    Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult,
};
pub use random::choose;
#[cfg(any(feature = "check", loom, shuttle))]
pub(crate) use random::reseed;
pub use std::sync::{Arc, Barrier, BarrierWaitResult, LazyLock, Once, OnceLock, OnceState, Weak, mpsc};
pub use tracked::{Tracked, TrackedPtr};

/// Threads, from std.
pub mod thread {
    pub use std::thread::{
        AccessError, Builder, JoinHandle, LocalKey, Result, Scope, ScopedJoinHandle, Thread, ThreadId,
        available_parallelism, current, panicking, park, park_timeout, scope, sleep, spawn, yield_now,
    };

    /// Parks this thread until `condition` holds, which is looked at before each park. Whoever makes it hold unparks.
    ///
    /// In a model, destructors of an execution that is being abandoned do not wait here: nobody else will move.
    #[inline]
    pub fn park_until(mut condition: impl FnMut() -> bool) {
        while !condition() {
            park();
        }
    }
}
