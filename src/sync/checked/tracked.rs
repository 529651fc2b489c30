//! Tracked lifetimes of the checked form.
//!
//! The value lives in an allocation that stays until the last pointer to it is gone; the *value* is destroyed when
//! its owner leaves scope. A use after that is therefore found before memory is touched.

use super::handle::Handle;
use crate::check::event::{ObjectKind, Op};
use crate::check::run::Site;
use crate::check::verdict::Kind;
use crate::sync::Named;
use std::cell::UnsafeCell;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicBool, Ordering};

struct Slot<T> {
    value: UnsafeCell<ManuallyDrop<T>>,
    /// The owner has left scope. Stored with Release before the value is destroyed, loaded with Acquire.
    ended: AtomicBool,
    created: Site,
}

/// A value whose lifetime is watched: a use through a [`TrackedPtr`] after the owner left scope is a
/// use-after-free, and an owner that is never dropped is a leak.
pub struct Tracked<T> {
    slot: StdArc<Slot<T>>,
    handle: Option<Handle>,
}

// SAFETY: the owner is to its value what a `Box` is: pointers reach the value only in `TrackedPtr::with`, whose
// caller vouches for the absence of exclusive access.
unsafe impl<T: Send> Send for Tracked<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Sync> Sync for Tracked<T> {}

impl<T> Tracked<T> {
    /// Begins the lifetime of `value`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let slot = StdArc::new(Slot {
            value: UnsafeCell::new(ManuallyDrop::new(value)),
            ended: AtomicBool::new(false),
            created: Location::caller(),
        });
        Tracked { slot, handle: Handle::create(ObjectKind::Lifetime, 0) }
    }
    /// Ends the lifetime and returns the value.
    #[track_caller]
    pub fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        this.end(Location::caller());
        // SAFETY: `this` is never used or dropped again: its fields are read out once, and so is the value, which
        // `ended` keeps everyone else from.
        unsafe {
            let slot = std::ptr::read(&this.slot);
            ManuallyDrop::take(&mut *slot.value.get())
        }
    }
    /// A pointer to the value that does not keep it alive.
    pub fn ptr(&self) -> TrackedPtr<T> {
        TrackedPtr { slot: self.slot.clone(), handle: self.handle }
    }

    fn end(&self, site: Site) {
        if let Some(h) = self.handle {
            h.perform_in_drop(Op::Lifetime { obj: h.obj, end: true }, site);
            if let Some(run) = h.run() {
                run.ended(h.obj);
            }
        }
        self.slot.ended.store(true, Ordering::Release);
    }
}

impl<T> Drop for Tracked<T> {
    fn drop(&mut self) {
        self.end(self.slot.created);
        // SAFETY: the owner destroys the value once, and `ended` keeps everyone else from it.
        unsafe { ManuallyDrop::drop(&mut *self.slot.value.get()) };
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the owner is here, so the value is; exclusive access needs the owner exclusively.
        unsafe { &*self.slot.value.get() }
    }
}

impl<T> DerefMut for Tracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the owner is borrowed exclusively; users of pointers vouch that this does not happen while they
        // read.
        unsafe { &mut *self.slot.value.get() }
    }
}

impl<T> Named for Tracked<T> {
    fn named(self, name: impl Into<String>) -> Self {
        self.named_with(|| name.into())
    }
    fn named_with(self, name: impl FnOnce() -> String) -> Self {
        if let Some(h) = self.handle {
            h.name(name);
        }
        self
    }
}

impl<T: Default> Default for Tracked<T> {
    #[track_caller]
    fn default() -> Self {
        Tracked::new(T::default())
    }
}

impl<T> From<T> for Tracked<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Tracked::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// An unowned pointer to the value of a [`Tracked`].
pub struct TrackedPtr<T> {
    slot: StdArc<Slot<T>>,
    handle: Option<Handle>,
}

// SAFETY: it gives what `&T` gives. What it may free is the allocation, in which no value is left by then (or one
// whose owner leaked it).
unsafe impl<T: Sync> Send for TrackedPtr<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Sync> Sync for TrackedPtr<T> {}

impl<T> TrackedPtr<T> {
    /// Reads through the pointer. If the owner has left scope the execution fails with kind use-after-free.
    ///
    /// # Safety
    /// Nobody may have exclusive access to the value. In production the owner must also be alive and not have
    /// moved.
    #[track_caller]
    pub unsafe fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        if let Some(h) = self.handle {
            h.perform(Op::Lifetime { obj: h.obj, end: false });
        }
        if self.slot.ended.load(Ordering::Acquire) {
            self.report();
        }
        // SAFETY: the owner is still there. It stays while `f` runs if the model is right; if another thread ends
        // it meanwhile, the two operations are unordered and the engine reports them.
        f(unsafe { &*self.slot.value.get() })
    }

    #[cold]
    #[track_caller]
    fn report(&self) -> ! {
        let created = self.slot.created;
        let message = format!("a value tracked since {created} was used after its owner left scope");
        match self.handle.and_then(Handle::run) {
            Some(run) => {
                let sites = vec![(run.me(), "used here".to_owned(), Location::caller())];
                run.fail(None, Kind::UseAfterFree, message, sites)
            }
            None => panic!("{message}"),
        }
    }
}

impl<T> Clone for TrackedPtr<T> {
    fn clone(&self) -> Self {
        TrackedPtr { slot: self.slot.clone(), handle: self.handle }
    }
}

impl<T> fmt::Debug for TrackedPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.slot.value.get(), f)
    }
}
