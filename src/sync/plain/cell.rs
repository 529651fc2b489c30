//! Cells of the production form.

pub use std::cell::Cell;
use std::fmt;

/// Plain data behind shared references, reached through closures so that a checker sees where each access
/// begins and ends. Costs nothing over `core::cell::UnsafeCell`.
#[derive(Default)]
#[repr(transparent)]
pub struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A new cell.
    #[inline]
    pub fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }
    /// Consumes the cell and returns its content.
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// A shared access: `f` may read through the pointer. No other thread may write meanwhile.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }
    /// An exclusive access: `f` may read and write through the pointer. No other thread may touch the cell
    /// meanwhile.
    #[inline]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
    /// Exclusive access by exclusive reference.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

impl<T> From<T> for UnsafeCell<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized> fmt::Debug for UnsafeCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsafeCell").finish_non_exhaustive()
    }
}
