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
    /// Reads through the pointer.
    ///
    /// # Safety
    /// The owner must still be alive and not have moved, and nobody may have exclusive access to the value. In
    /// checked form a dead owner is reported as use-after-free instead, before memory is touched.
    #[inline]
    pub unsafe fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        // SAFETY: alive, in place and not exclusively borrowed, by this function's contract.
        f(unsafe { &*self.0 })
    }
}

impl<T> Clone for TrackedPtr<T> {
    #[inline]
    fn clone(&self) -> Self {
        TrackedPtr(self.0)
    }
}

// SAFETY: it gives what `&T` gives, and only inside `with`, whose caller vouches for the owner.
unsafe impl<T: Sync> Send for TrackedPtr<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Sync> Sync for TrackedPtr<T> {}

impl<T> fmt::Debug for TrackedPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.0, f)
    }
}
