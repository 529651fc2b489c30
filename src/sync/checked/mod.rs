//! The checked form: the same names as recording types, one file a type.
//!
//! Reading order: `handle` (how an object is bound to its engine), `atomic` and `mutex` (what every type looks
//! like), then as needed. Types that no engine has are composed of the facade's own: `barrier`, `once`, `mpsc`.

mod arc;
mod arc_swap;
pub mod atomic;
mod barrier;
pub mod cell;
mod condvar;
mod handle;
pub mod hint;
mod lazy;
mod local;
pub mod mpsc;
mod mutex;
mod once;
mod rwlock;
mod scope;
pub mod thread;
pub mod time;
mod tracked;

pub use crate::__selvedge_thread_local as thread_local;
pub use arc::{Arc, Weak};
pub use arc_swap::{ArcSwap, ArcSwapGuard};
pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use lazy::LazyLock;
pub use mutex::{Mutex, MutexGuard};
pub use once::{Once, OnceLock, OnceState};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use tracked::{Tracked, TrackedPtr};

pub(crate) use super::plain::reseed;

use crate::check::event::Op;
use crate::check::run;
use std::panic::Location;

/// A choice of the environment in `0..n`: in a model every one is explored, or drawn from the engine's seed;
/// outside it is pseudo-random. Panics if `n` is 0.
#[track_caller]
pub fn choose(n: u32) -> u32 {
    assert!(n > 0, "choose(0): there is nothing to choose from");
    match run::current() {
        Some(run) => run.perform(Op::Choose { n }, Location::caller()).value as u32,
        None => super::plain::choose(n),
    }
}
