//! `Mutex` of the checked form: the engine holds the lock, this type holds the data.

use super::handle::{Handle, Repr, named_by, shown_by};
use crate::check::event::{ObjectKind, Op};
use crate::check::run::Site;
use crate::sync::plain;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

/// A mutual-exclusion lock, with parking_lot's API: no poisoning.
pub struct Mutex<T: ?Sized> {
    repr: Repr<plain::Mutex<()>>,
    data: UnsafeCell<T>,
}

// SAFETY: the data is reached only by the holder of the lock, one thread at a time, or by ownership; so a shared
// mutex passes `T` between threads and never shares it.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// A new, free mutex.
    #[inline]
    #[track_caller]
    pub fn new(value: T) -> Self {
        Mutex {
            repr: Repr::new(ObjectKind::Mutex, 0, || plain::Mutex::new(())),
            data: UnsafeCell::new(value),
        }
    }
    /// Consumes the mutex and returns its content.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Acquires the mutex, waiting for it if it is held.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        match self.repr.get() {
            Repr::Native(m) => self.guard(Held::Native(m.lock())),
            Repr::Modelled(h) => {
                h.perform(Op::Lock { obj: h.obj });
                self.guard(Held::Modelled(h, Location::caller()))
            }
        }
    }
    /// Acquires the mutex if it is free.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.repr.get() {
            Repr::Native(m) => m.try_lock().map(|g| self.guard(Held::Native(g))),
            Repr::Modelled(h) => {
                let acquired = h.perform(Op::TryLock { obj: h.obj }).ok;
                acquired.then(|| self.guard(Held::Modelled(h, Location::caller())))
            }
        }
    }
    /// It belongs to an execution that is gone: nothing of it may be used any more, not even by destructors.
    pub(super) fn is_gone(&self) -> bool {
        matches!(&self.repr, Repr::Modelled(h) if h.run().is_none())
    }
    /// Exclusive access by exclusive reference.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    #[inline]
    fn guard<'a>(&'a self, held: Held<plain::MutexGuard<'a, ()>>) -> MutexGuard<'a, T> {
        MutexGuard { mutex: self, held, not_send: PhantomData }
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    /// Does not look at the content: taking the lock would be an operation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("object", &self.repr).finish_non_exhaustive()
    }
}

/// How a lock is held. The site is where it was acquired: a guard's drop has none of its own.
pub(super) enum Held<G> {
    Native(G),
    Modelled(Handle, Site),
}

/// The mutex is held until the guard is dropped.
#[must_use = "if unused, the mutex is released at once"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    held: Held<plain::MutexGuard<'a, ()>>,
    /// As parking_lot's: not `Send`.
    not_send: PhantomData<*mut T>,
}

// SAFETY: a shared guard gives out `&T` only. (`T: Send` is parking_lot's bound, which has a reference to the mutex.)
unsafe impl<T: ?Sized + Send + Sync> Sync for MutexGuard<'_, T> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// For `Condvar`, which is about to release the mutex.
    pub(super) fn section_ends(&self) {
        if let Held::Modelled(h, _) = self.held {
            h.section_ends(self.mutex.data.get().cast_const().cast(), false);
        }
    }
    /// For `Condvar`.
    pub(super) fn held(&mut self) -> &mut Held<plain::MutexGuard<'a, ()>> {
        &mut self.held
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this thread holds the lock until the guard is dropped, so nobody writes.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        if let Held::Modelled(h, _) = self.held
            && let Some(run) = h.run()
        {
            run.engine().borrowed(run.me(), h.obj);
        }
        // SAFETY: this thread holds the lock, and the guard is borrowed exclusively: nobody else is there.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Held::Modelled(h, site) = self.held {
            h.section_ends(self.mutex.data.get().cast_const().cast(), true);
            h.perform_in_drop(Op::Unlock { obj: h.obj }, site);
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

named_by!(repr: [<T>] Mutex<T>);
shown_by!(Mutex);
