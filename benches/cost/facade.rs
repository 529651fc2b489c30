//! The kernel over `selvedge::sync`.

use selvedge::sync::hint::spin_loop;
use selvedge::sync::{
    Arc, ArcSwap, AtomicBool, AtomicPtr, AtomicU64, Condvar, Mutex, OnceLock, Ordering, RwLock, UnsafeCell,
    fence,
};

#[inline]
fn with<T, R>(cell: &UnsafeCell<T>, f: impl FnOnce(*const T) -> R) -> R {
    cell.with(f)
}

#[inline]
fn with_mut<T, R>(cell: &UnsafeCell<T>, f: impl FnOnce(*mut T) -> R) -> R {
    cell.with_mut(f)
}

#[path = "kernel.rs"]
pub mod kernel;
