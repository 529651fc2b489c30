//! Cells of the checked form: each access is announced, and checked for races before memory is touched.

use super::handle::{Handle, Repr, named_by};
use crate::check::event::{ObjectKind, Op};
use crate::check::run::Site;
use std::fmt;
use std::panic::Location;

/// Plain data behind shared references, reached through closures so that the engine sees where each access
/// begins and ends.
pub struct UnsafeCell<T: ?Sized> {
    repr: Repr<()>,
    data: std::cell::UnsafeCell<T>,
}

/// An access that has begun; ends it, also when the closure unwinds.
struct Access {
    handle: Handle,
    write: bool,
    site: Site,
}

impl Drop for Access {
    #[inline]
    fn drop(&mut self) {
        let op = Op::CellEnd { obj: self.handle.obj, write: self.write };
        self.handle.perform_in_drop(op, self.site);
    }
}

impl<T> UnsafeCell<T> {
    /// A new cell.
    #[inline]
    #[track_caller]
    pub fn new(value: T) -> Self {
        UnsafeCell { repr: Repr::new(ObjectKind::Cell, 0, || ()), data: std::cell::UnsafeCell::new(value) }
    }
    /// Consumes the cell and returns its content.
    #[track_caller]
    pub fn into_inner(self) -> T {
        self.owned_access();
        self.data.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// A shared access: `f` may read through the pointer. A write by another thread meanwhile is a data race.
    #[inline]
    #[track_caller]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        let _access = self.begin(false);
        f(self.data.get())
    }
    /// An exclusive access: `f` may read and write through the pointer. Any access by another thread meanwhile is
    /// a data race.
    #[inline]
    #[track_caller]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        let _access = self.begin(true);
        f(self.data.get())
    }
    /// Exclusive access by exclusive reference.
    #[track_caller]
    pub fn get_mut(&mut self) -> &mut T {
        self.owned_access();
        self.data.get_mut()
    }

    #[inline]
    #[track_caller]
    fn begin(&self, write: bool) -> Option<Access> {
        match self.repr.get() {
            Repr::Native(()) => None,
            Repr::Modelled(handle) => {
                handle.perform(Op::CellBegin { obj: handle.obj, write });
                Some(Access { handle, write, site: Location::caller() })
            }
        }
    }

    /// An exclusive access through ownership: whatever was done before must happen before it. A native cell may
    /// be taken apart inside a model, where nobody else can see it.
    #[track_caller]
    fn owned_access(&self) {
        if let Repr::Modelled(_) = self.repr {
            drop(self.begin(true));
        }
    }
}

impl<T: Default> Default for UnsafeCell<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for UnsafeCell<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized> fmt::Debug for UnsafeCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsafeCell").finish_non_exhaustive()
    }
}

/// `std::cell::Cell`, watched like [`UnsafeCell`].
#[derive(Default)]
pub struct Cell<T> {
    cell: UnsafeCell<T>,
}

impl<T> Cell<T> {
    /// A new cell.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Cell { cell: UnsafeCell::new(value) }
    }
    /// Replaces the content.
    #[track_caller]
    pub fn set(&self, value: T) {
        drop(self.replace(value));
    }
    /// Replaces the content and returns the old one.
    #[track_caller]
    pub fn replace(&self, value: T) -> T {
        // SAFETY: `Cell` is not `Sync`, and no reference to the content leaves this type but by `get_mut`, which
        // borrows it exclusively: nobody else is there while this runs.
        self.cell.with_mut(|p| unsafe { std::mem::replace(&mut *p, value) })
    }
    /// Exchanges the contents of two cells.
    #[track_caller]
    pub fn swap(&self, other: &Cell<T>) {
        if !std::ptr::eq(self, other) {
            // SAFETY: as in `replace`; the two cells are different.
            self.cell.with_mut(|a| other.cell.with_mut(|b| unsafe { std::ptr::swap(a, b) }));
        }
    }
    /// A copy of the content.
    #[track_caller]
    pub fn get(&self) -> T
    where
        T: Copy,
    {
        // SAFETY: as in `replace`.
        self.cell.with(|p| unsafe { *p })
    }
    /// Takes the content and leaves the default.
    #[track_caller]
    pub fn take(&self) -> T
    where
        T: Default,
    {
        self.replace(T::default())
    }
    /// Exclusive access by exclusive reference.
    #[track_caller]
    pub fn get_mut(&mut self) -> &mut T {
        self.cell.get_mut()
    }
    /// Consumes the cell and returns its content.
    #[track_caller]
    pub fn into_inner(self) -> T {
        self.cell.into_inner()
    }
}

impl<T> From<T> for Cell<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T> fmt::Debug for Cell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell").finish_non_exhaustive()
    }
}

named_by!(repr: [<T>] UnsafeCell<T>);
named_by!(cell.repr: [<T>] Cell<T>);
