//! `RwLock` of the checked form: the engine holds the lock, this type holds the data.

use super::handle::{Handle, Repr, named_by, shown_by};
use super::mutex::Held;
use crate::check::event::{ObjectKind, Op};
use crate::sync::plain;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

/// A readers-writer lock, with parking_lot's API: no poisoning.
pub struct RwLock<T: ?Sized> {
    repr: Repr<plain::RwLock<()>>,
    data: UnsafeCell<T>,
}

// SAFETY: readers share the data (`T: Sync`), a writer has it alone and may move it out (`T: Send`).
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// A new, free lock.
    #[inline]
    #[track_caller]
    pub fn new(value: T) -> Self {
        RwLock {
            repr: Repr::new(ObjectKind::RwLock, 0, || plain::RwLock::new(())),
            data: UnsafeCell::new(value),
        }
    }
    /// Consumes the lock and returns its content.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Acquires a share, waiting while a writer holds the lock. A thread that holds a share already must not
    /// ask for another: with a writer in between it waits for ever. Refused in models.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        match self.repr.get() {
            Repr::Native(l) => self.shared(Held::Native(l.read())),
            Repr::Modelled(h) => {
                asks(h);
                h.perform(Op::RwLock { obj: h.obj, write: false });
                holds(h, true);
                self.shared(Held::Modelled(h, Location::caller()))
            }
        }
    }
    /// Acquires the lock exclusively.
    #[inline]
    #[track_caller]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        match self.repr.get() {
            Repr::Native(l) => self.exclusive(Held::Native(l.write())),
            Repr::Modelled(h) => {
                h.perform(Op::RwLock { obj: h.obj, write: true });
                self.exclusive(Held::Modelled(h, Location::caller()))
            }
        }
    }
    /// Acquires a share if that is possible at once.
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        match self.repr.get() {
            Repr::Native(l) => l.try_read().map(|g| self.shared(Held::Native(g))),
            Repr::Modelled(h) => {
                asks(h);
                let acquired = h.perform(Op::TryRwLock { obj: h.obj, write: false }).ok;
                if acquired {
                    holds(h, true);
                }
                acquired.then(|| self.shared(Held::Modelled(h, Location::caller())))
            }
        }
    }
    /// Acquires the lock exclusively if it is free.
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        match self.repr.get() {
            Repr::Native(l) => l.try_write().map(|g| self.exclusive(Held::Native(g))),
            Repr::Modelled(h) => {
                let acquired = h.perform(Op::TryRwLock { obj: h.obj, write: true }).ok;
                acquired.then(|| self.exclusive(Held::Modelled(h, Location::caller())))
            }
        }
    }
    /// Exclusive access by exclusive reference.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    #[inline]
    fn shared<'a>(&'a self, held: Held<plain::RwLockReadGuard<'a, ()>>) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard { lock: self, held, not_send: PhantomData }
    }
    #[inline]
    fn exclusive<'a>(&'a self, held: Held<plain::RwLockWriteGuard<'a, ()>>) -> RwLockWriteGuard<'a, T> {
        RwLockWriteGuard { lock: self, held, not_send: PhantomData }
    }
}

/// The acting thread asks for a share.
fn asks(lock: Handle) {
    if let Some(run) = lock.run() {
        run.wants_share(lock.obj);
    }
}

/// It has it, or gives it back.
fn holds(lock: Handle, got: bool) {
    if let Some(run) = lock.run() {
        run.shares(lock.obj, got);
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    /// Does not look at the content: taking the lock would be an operation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").field("object", &self.repr).finish_non_exhaustive()
    }
}

macro_rules! guard {
    ($name:ident, $write:literal, $text:literal) => {
        #[doc = $text]
        #[must_use = "if unused, the lock is released at once"]
        pub struct $name<'a, T: ?Sized> {
            lock: &'a RwLock<T>,
            held: Held<plain::$name<'a, ()>>,
            /// As parking_lot's: not `Send`.
            not_send: PhantomData<*mut T>,
        }

        // SAFETY: a shared guard gives out `&T` only. (`T: Send` is parking_lot's bound, as for the mutex.)
        unsafe impl<T: ?Sized + Send + Sync> Sync for $name<'_, T> {}

        impl<T: ?Sized> Deref for $name<'_, T> {
            type Target = T;
            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: until the guard is dropped this thread holds the lock, at least shared: nobody writes.
                unsafe { &*self.lock.data.get() }
            }
        }

        impl<T: ?Sized> Drop for $name<'_, T> {
            #[inline]
            fn drop(&mut self) {
                if let Held::Modelled(h, site) = self.held {
                    if $write {
                        h.section_ends(self.lock.data.get().cast_const().cast(), true);
                    } else {
                        holds(h, false);
                    }
                    h.perform_in_drop(Op::RwUnlock { obj: h.obj, write: $write }, site);
                }
            }
        }

        impl<T: ?Sized + fmt::Debug> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: ?Sized + fmt::Display> fmt::Display for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

guard!(RwLockReadGuard, false, "A share of the lock is held until the guard is dropped.");
guard!(RwLockWriteGuard, true, "The lock is held exclusively until the guard is dropped.");

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this thread holds the lock exclusively, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.data.get() }
    }
}

named_by!(repr: [<T>] RwLock<T>);
shown_by!(RwLock);
