//! `ArcSwap` of the production form: arc-swap's, without its strategy parameter.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A place for an [`Arc`] that can be read and replaced concurrently. Reading takes no lock and, in the common
/// case, touches no shared counter.
#[repr(transparent)]
pub struct ArcSwap<T>(arc_swap::ArcSwap<T>);

impl<T> ArcSwap<T> {
    /// Holds `value`.
    #[inline]
    pub fn new(value: Arc<T>) -> Self {
        ArcSwap(arc_swap::ArcSwap::new(value))
    }
    /// Holds a new `Arc` of `value`.
    #[inline]
    pub fn from_pointee(value: T) -> Self {
        Self::new(Arc::new(value))
    }
    /// The current value, on loan: cheapest, for short use.
    #[inline]
    pub fn load(&self) -> ArcSwapGuard<T> {
        ArcSwapGuard(self.0.load())
    }
    /// The current value, counted: for keeping.
    #[inline]
    pub fn load_full(&self) -> Arc<T> {
        self.0.load_full()
    }
    /// Replaces the value.
    #[inline]
    pub fn store(&self, value: Arc<T>) {
        self.0.store(value)
    }
    /// Replaces the value and returns the old one.
    #[inline]
    pub fn swap(&self, value: Arc<T>) -> Arc<T> {
        self.0.swap(value)
    }
    /// Replaces the value if it is the same allocation as `current`. Returns what was there before; it was
    /// replaced exactly if that is `current`.
    #[inline]
    pub fn compare_and_swap(&self, current: &Arc<T>, new: Arc<T>) -> ArcSwapGuard<T> {
        ArcSwapGuard(self.0.compare_and_swap(current, new))
    }
    /// Read, copy, update: retries `update` until the value it was given is still there. Returns the old value.
    #[inline]
    pub fn rcu<R: Into<Arc<T>>>(&self, update: impl FnMut(&Arc<T>) -> R) -> Arc<T> {
        self.0.rcu(update)
    }
    /// Consumes it and returns the value.
    #[inline]
    pub fn into_inner(self) -> Arc<T> {
        self.0.into_inner()
    }
}

impl<T> From<Arc<T>> for ArcSwap<T> {
    fn from(value: Arc<T>) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for ArcSwap<T> {
    fn default() -> Self {
        Self::from_pointee(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for ArcSwap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ArcSwap").field(&*self.load()).finish()
    }
}

/// A value on loan from an [`ArcSwap`].
#[repr(transparent)]
pub struct ArcSwapGuard<T>(arc_swap::Guard<Arc<T>>);

impl<T> ArcSwapGuard<T> {
    /// Makes a counted reference of the loan.
    #[inline]
    pub fn into_inner(guard: Self) -> Arc<T> {
        arc_swap::Guard::into_inner(guard.0)
    }
}

impl<T> Deref for ArcSwapGuard<T> {
    type Target = Arc<T>;
    #[inline]
    fn deref(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for ArcSwapGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
