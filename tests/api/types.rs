//! `Send`, `Sync` and the other traits, exactly as std's and parking_lot's types have them.

use selvedge::sync::future::AtomicWaker;
use selvedge::sync::thread::{JoinHandle, LocalKey, Scope, ScopedJoinHandle, Thread, ThreadId};
use selvedge::sync::{
    Arc, ArcSwap, ArcSwapGuard, AtomicBool, AtomicI8, AtomicI64, AtomicPtr, AtomicU64, AtomicUsize, Barrier,
    Condvar, LazyLock, Mutex, MutexGuard, Notify, Once, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard,
    Tracked, TrackedPtr, UnsafeCell, WaitTimeoutResult, Weak, cell, mpsc, time::Deadline,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::borrow::Borrow;
use std::cell::Cell as NotSync;
use std::fmt::{Debug, Display, Pointer};
use std::hash::Hash;
use std::ops::{Deref, DerefMut};
use std::sync::MutexGuard as NotSend;

/// `Sync`, but not `Send`.
type Pinned = NotSend<'static, u8>;
type Bare = *mut u8;

assert_impl_all!(AtomicBool: Send, Sync, Debug, Default, From<bool>);
assert_impl_all!(AtomicI8: Send, Sync, Debug, Default, From<i8>);
assert_impl_all!(AtomicI64: Send, Sync, Debug, Default, From<i64>);
assert_impl_all!(AtomicU64: Send, Sync, Debug, Default, From<u64>);
assert_impl_all!(AtomicUsize: Send, Sync, Debug, Default, From<usize>);
assert_impl_all!(AtomicPtr<Bare>: Send, Sync, Debug, Default, Pointer, From<*mut Bare>);

assert_impl_all!(UnsafeCell<u8>: Send, Debug, Default, From<u8>);
assert_not_impl_any!(UnsafeCell<u8>: Sync);
assert_not_impl_any!(UnsafeCell<Bare>: Send);
assert_impl_all!(cell::Cell<u8>: Send, Debug, Default, From<u8>);
assert_not_impl_any!(cell::Cell<u8>: Sync);
assert_not_impl_any!(cell::Cell<Bare>: Send);

assert_impl_all!(Mutex<NotSync<u8>>: Send, Sync, Debug, Default, From<NotSync<u8>>);
assert_not_impl_any!(Mutex<Pinned>: Send, Sync);
assert_impl_all!(MutexGuard<'static, u8>: Sync, Debug, Display, Deref, DerefMut);
assert_not_impl_any!(MutexGuard<'static, Pinned>: Sync);
assert_not_impl_any!(MutexGuard<'static, u8>: Send);
assert_not_impl_any!(MutexGuard<'static, NotSync<u8>>: Sync);

assert_impl_all!(RwLock<u8>: Send, Sync, Debug, Default, From<u8>);
assert_impl_all!(RwLock<NotSync<u8>>: Send);
assert_not_impl_any!(RwLock<NotSync<u8>>: Sync);
assert_not_impl_any!(RwLock<Pinned>: Send, Sync);
assert_impl_all!(RwLockReadGuard<'static, u8>: Sync, Debug, Display, Deref);
assert_not_impl_any!(RwLockReadGuard<'static, u8>: Send, DerefMut);
assert_not_impl_any!(RwLockReadGuard<'static, NotSync<u8>>: Sync);
assert_not_impl_any!(RwLockReadGuard<'static, Pinned>: Sync);
assert_impl_all!(RwLockWriteGuard<'static, u8>: Sync, Debug, Display, Deref, DerefMut);
assert_not_impl_any!(RwLockWriteGuard<'static, u8>: Send);
assert_not_impl_any!(RwLockWriteGuard<'static, NotSync<u8>>: Sync);
assert_not_impl_any!(RwLockWriteGuard<'static, Pinned>: Sync);

assert_impl_all!(Condvar: Send, Sync, Debug, Default);
assert_impl_all!(WaitTimeoutResult: Send, Sync, Copy, Eq, Debug);
assert_impl_all!(Barrier: Send, Sync, Debug);
assert_impl_all!(Once: Send, Sync, Debug);
assert_impl_all!(OnceLock<u8>: Send, Sync, Debug, Default, Clone, Eq, From<u8>);
assert_impl_all!(OnceLock<NotSync<u8>>: Send);
assert_not_impl_any!(OnceLock<NotSync<u8>>: Sync);
assert_not_impl_any!(OnceLock<Pinned>: Send, Sync);

assert_impl_all!(LazyLock<u8>: Send, Sync, Debug, Default, Deref);
assert_not_impl_any!(LazyLock<NotSync<u8>>: Sync);
assert_not_impl_any!(LazyLock<Pinned>: Send, Sync);
assert_not_impl_any!(LazyLock<u8, Bare>: Send, Sync);
assert_impl_all!(Notify: Send, Sync, Debug, Default);
assert_impl_all!(AtomicWaker: Send, Sync, Debug, Default);

assert_impl_all!(Arc<str>: Send, Sync, Debug, Display, Pointer, Clone, Deref, AsRef<str>, Borrow<str>, Ord, Hash);
assert_impl_all!(Arc<u8>: Default, From<u8>, Unpin);
assert_not_impl_any!(Arc<NotSync<u8>>: Send, Sync);
assert_not_impl_any!(Arc<Pinned>: Send, Sync);
assert_impl_all!(Weak<u8>: Send, Sync, Debug, Clone, Default);
assert_not_impl_any!(Weak<NotSync<u8>>: Send, Sync);
assert_impl_all!(ArcSwap<u8>: Send, Sync, Debug, Default, From<Arc<u8>>);
assert_not_impl_any!(ArcSwap<NotSync<u8>>: Send, Sync);
assert_impl_all!(ArcSwapGuard<u8>: Debug, Deref);

assert_impl_all!(Tracked<u8>: Send, Sync, Debug, Default, From<u8>, Deref, DerefMut);
assert_impl_all!(Tracked<NotSync<u8>>: Send);
assert_not_impl_any!(Tracked<NotSync<u8>>: Sync);
assert_not_impl_any!(Tracked<Bare>: Send, Sync);
assert_impl_all!(TrackedPtr<u8>: Send, Sync, Clone, Debug);
assert_not_impl_any!(TrackedPtr<NotSync<u8>>: Send, Sync);

assert_impl_all!(Thread: Send, Sync, Clone, Debug);
assert_impl_all!(ThreadId: Send, Sync, Copy, Eq, Hash, Debug);
assert_impl_all!(JoinHandle<Bare>: Send, Sync, Debug);
assert_impl_all!(ScopedJoinHandle<'static, NotSync<u8>>: Send, Sync, Debug);
assert_not_impl_any!(ScopedJoinHandle<'static, Bare>: Send, Sync);
assert_impl_all!(Scope<'static, 'static>: Send, Sync, Debug);
assert_impl_all!(LocalKey<NotSync<u8>>: Send, Sync, Debug);

assert_impl_all!(mpsc::Sender<u8>: Send, Sync, Clone, Debug);
assert_not_impl_any!(mpsc::Sender<Bare>: Send, Sync);
assert_impl_all!(mpsc::SyncSender<u8>: Send, Sync, Clone, Debug);
assert_not_impl_any!(mpsc::SyncSender<Bare>: Send, Sync);
assert_impl_all!(mpsc::Receiver<u8>: Send, Debug, IntoIterator);
assert_not_impl_any!(mpsc::Receiver<u8>: Sync, Clone);
assert_not_impl_any!(mpsc::Receiver<Bare>: Send);
assert_impl_all!(Deadline: Send, Sync, Clone, Debug);
