//! Tracked lifetimes of the checked form.
//!
//! The value lives in an allocation that stays until the last pointer to it is gone; the *value* is destroyed when
//! its owner leaves scope. A use after that is therefore found before memory is touched.
//!
//! A use has a beginning and an end, and both are announced: what is done in between is ordered before the end of scope
//! if the end of the use is. A use whose one operation lets the owner go cannot have such an end; it has its own method,
//! which announces one all the same as soon as there is a second operation.

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
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

struct Slot<T> {
    value: UnsafeCell<ManuallyDrop<T>>,
    /// The owner has left scope. Stored before the value is destroyed, loaded by users. SeqCst with `users`, natively:
    /// of a user that comes and an owner that leaves, one sees the other.
    ended: AtomicBool,
    /// Uses under way that must end before the owner leaves.
    users: AtomicU32,
    created: Site,
}

impl<T> Slot<T> {
    /// Reports a late use, or an early end.
    #[cold]
    #[track_caller]
    fn report(&self, handle: Option<Handle>, what: &str, here: &str, site: Site) -> ! {
        let message = format!("a value tracked since {} {what}", self.created);
        match handle.and_then(Handle::run) {
            Some(run) => run.fail(None, Kind::UseAfterFree, message, vec![(run.me(), here.to_owned(), site)]),
            None => panic!("{message}"),
        }
    }
}

/// A use under way; over also when its closure unwinds.
struct Using<'p>(&'p AtomicU32);

impl Drop for Using<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A value whose lifetime is watched: a use through a [`TrackedPtr`] after the owner left scope is a
/// use-after-free, and an owner that is never dropped is a leak.
pub struct Tracked<T> {
    slot: StdArc<Slot<T>>,
    handle: Option<Handle>,
}

// SAFETY: the owner is to its value what a `Box` is: pointers reach the value only in `TrackedPtr::with` and `with_last`,
// whose callers vouch for the absence of exclusive access.
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
            users: AtomicU32::new(0),
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
        self.slot.ended.store(true, Ordering::SeqCst);
        // Before the value is destroyed under them. In an execution that was given up nobody is waited for.
        let given_up =
            std::thread::panicking() || self.handle.and_then(Handle::run).is_some_and(|r| r.over());
        if self.slot.users.load(Ordering::SeqCst) > 0 && !given_up {
            self.slot.report(
                self.handle,
                "was in use when its owner left scope",
                "its owner leaves scope",
                site,
            );
        }
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
    /// Is it a pointer to the value of `owner`?
    pub fn points_to(&self, owner: &Tracked<T>) -> bool {
        StdArc::ptr_eq(&self.slot, &owner.slot)
    }
    /// Reads through the pointer. The use lasts until `f` has returned: if the owner has left scope by then the execution
    /// fails with kind use-after-free. What lets the owner go is done by [`with_last`](Self::with_last).
    ///
    /// # Safety
    /// Nobody may have exclusive access to the value, nor, unless `T` is `Sync`, use it from another thread. In production
    /// the owner must also be alive and not have moved until `f` has returned.
    #[track_caller]
    pub unsafe fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        self.slot.users.fetch_add(1, Ordering::SeqCst);
        let using = Using(&self.slot.users);
        self.begins();
        // SAFETY: the owner is still there, and it stays: as long as this use is counted it reports instead of destroying
        // the value. Except where the execution was given up before: then operations are inert, and what a closure that is
        // being unwound still reads is its author's promise alone.
        let result = f(unsafe { &*self.slot.value.get() });
        drop(using);
        self.ends();
        result
    }

    /// The last access: one operation, on one part of the value, after which the owner may leave scope before anything
    /// else here is done. `field` leads to the part, usually an atomic, and `access` makes the operation. If it makes
    /// more than one, the use lasts until it has returned, as in [`with`](Self::with).
    ///
    /// # Safety
    /// Nobody may have exclusive access to the part, and `field` returns the address of a part of the value. In production
    /// the owner must also be alive and not have moved until the operation of `access` is done. If the owner may be gone
    /// when `access` returns, `A` has no byte outside of an `UnsafeCell`, as an atomic has none, and `access` does nothing
    /// with its argument after that operation.
    #[track_caller]
    pub unsafe fn with_last<A, R>(
        &self,
        field: impl FnOnce(*const T) -> *const A,
        access: impl FnOnce(&A) -> R,
    ) -> R {
        self.begins();
        let before = self.operations();
        let part = field(self.slot.value.get().cast_const().cast());
        // SAFETY: the owner is still there, and nobody has exclusive access. After the operation that lets it go the
        // allocation is, and of the part nothing but what an `UnsafeCell` holds, which nobody looks at any more.
        let result = access(unsafe { &*part });
        if self.operations() > before + 1 {
            self.ends();
        }
        result
    }

    /// A use begins.
    #[track_caller]
    fn begins(&self) {
        if let Some(h) = self.handle {
            h.perform(Op::Lifetime { obj: h.obj, end: false });
        }
        self.still_there();
    }

    /// A use ends. Not called when it unwinds: who panics has failed already, or is caught and used it no further.
    #[track_caller]
    fn ends(&self) {
        if let Some(h) = self.handle {
            h.perform(Op::UseEnd { obj: h.obj });
        }
        self.still_there();
    }

    #[track_caller]
    fn still_there(&self) {
        if self.slot.ended.load(Ordering::SeqCst) {
            self.slot.report(
                self.handle,
                "was used after its owner left scope",
                "used here",
                Location::caller(),
            );
        }
    }

    /// How many operations the acting thread has done; natively nobody counts.
    fn operations(&self) -> u32 {
        self.handle.and_then(Handle::run).map_or(0, |run| run.state().threads[run.me().0 as usize].done)
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
