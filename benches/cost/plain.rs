//! The kernel over parking_lot, arc-swap and std.

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex, RwLock};
use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};

#[inline]
fn with<T, R>(cell: &UnsafeCell<T>, f: impl FnOnce(*const T) -> R) -> R {
    f(cell.get())
}

#[inline]
fn with_mut<T, R>(cell: &UnsafeCell<T>, f: impl FnOnce(*mut T) -> R) -> R {
    f(cell.get())
}

#[path = "kernel.rs"]
pub mod kernel;
