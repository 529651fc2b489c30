//! Tracked lifetimes of the production form: no tracking.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// A value whose lifetime a checker watches. In production it is the value.
#[derive(Default)]
#[repr(transparent)]
pub struct Tracked<T>(T);

impl<T> Tracked<T> {
    /// Begins the lifetime of `value`.
    #[inline]
    pub fn new(value: T) -> Self {
        Tracked(value)
    }
    /// Ends the lifetime and returns the value.
    #[inline]
    pub fn into_inner(self) -> T {
        self.0
    }
    /// A pointer to the value that does not keep it alive. In production it is a raw pointer, so the owner must
    /// also not be moved while it is used.
    #[inline]
    pub fn ptr(&self) -> TrackedPtr<T> {
        TrackedPtr(&raw const self.0)
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Tracked<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> From<T> for Tracked<T> {
    fn from(value: T) -> Self {
        Tracked(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An unowned pointer to the value of a [`Tracked`].
#[repr(transparent)]
pub struct TrackedPtr<T>(*const T);

impl<T> TrackedPtr<T> {
    /// Is it a pointer to the value of `owner`?
    #[inline]
    pub fn points_to(&self, owner: &Tracked<T>) -> bool {
        std::ptr::eq(self.0, &raw const owner.0)
    }
    /// Reads through the pointer. The use lasts until `f` has returned: what lets the owner go is done by
    /// [`with_last`](Self::with_last).
    ///
    /// # Safety
    /// Until `f` has returned the owner must be alive and not have moved, and nobody may have exclusive access to the
    /// value, nor, unless `T` is `Sync`, use it from another thread. In checked form an owner that is dead, or dies
    /// meanwhile, is reported as use-after-free instead.
    #[inline]
    pub unsafe fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        // SAFETY: alive, in place and not exclusively borrowed, by this function's contract.
        f(unsafe { &*self.0 })
    }
    /// The last access: one operation, on one part of the value, after which the owner may leave scope before anything
    /// else here is done. `field` leads to the part, usually an atomic, and `access` makes the operation.
    ///
    /// # Safety
    /// Until the operation of `access` is done the owner must be alive and not have moved, and nobody may have exclusive
    /// access to the part. `field` returns the address of a part of the value. If the owner may be gone when `access`
    /// returns, `A` has no byte outside of an `UnsafeCell`, as an atomic has none, and `access` does nothing with its
    /// argument after that operation. In checked form a second operation is reported as use-after-free where the owner
    /// may be gone by then.
    #[inline]
    pub unsafe fn with_last<A, R>(
        &self,
        field: impl FnOnce(*const T) -> *const A,
        access: impl FnOnce(&A) -> R,
    ) -> R {
        // SAFETY: alive, in place and not exclusively borrowed until the operation is done. From there on the reference
        // may dangle: to the insides of an `UnsafeCell` that is allowed, for nobody may assume that they stay, and it is
        // not used.
        access(unsafe { &*field(self.0) })
    }
}

impl<T> Clone for TrackedPtr<T> {
    #[inline]
    fn clone(&self) -> Self {
        TrackedPtr(self.0)
    }
}

// SAFETY: it gives what `&T` gives, and only inside `with` and `with_last`, whose callers vouch for the owner.
unsafe impl<T: Sync> Send for TrackedPtr<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Sync> Sync for TrackedPtr<T> {}

impl<T> fmt::Debug for TrackedPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.0, f)
    }
}
