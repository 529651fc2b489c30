//! `Arc` and `Weak` of the checked form: std's, with every change of the count announced.
//!
//! The count that decides who runs the destructor is std's own: operations of a model are physically sequential,
//! so it agrees with any count that an engine keeps. Whether counting is a scheduling point is the engine's
//! business; that a drop happens before the destructor always is seen.

use super::handle::Handle;
use crate::check::event::{ObjectKind, Op};
use crate::check::run::{self, Site};
use crate::sync::{ArcExt, Named};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc as StdArc, Weak as StdWeak};

/// A thread-safe reference-counting pointer, with std's API.
///
/// Not possible outside std, hence absent: methods on `self: Arc<Self>`, and coercion to `Arc<dyn Trait>` (use
/// [`ArcExt::unsize`]).
pub struct Arc<T: ?Sized> {
    /// Taken out only by `drop` and by the conversions that skip it.
    inner: ManuallyDrop<StdArc<T>>,
    count: Option<Handle>,
    /// Where this reference was made: its drop has no place of its own.
    site: Site,
}

/// A reference that does not keep the value alive, with std's API.
pub struct Weak<T: ?Sized> {
    inner: StdWeak<T>,
    count: Option<Handle>,
}

impl<T> Arc<T> {
    /// A new allocation, with one reference.
    #[track_caller]
    pub fn new(value: T) -> Arc<T> {
        Arc::counted(StdArc::new(value))
    }
    /// A new pinned allocation.
    #[track_caller]
    pub fn pin(value: T) -> Pin<Arc<T>> {
        // SAFETY: the value is in an allocation of its own that nobody moves: `Arc` gives it out by value only
        // through the unwrapping functions, which take an `Arc` that is not pinned.
        unsafe { Pin::new_unchecked(Arc::new(value)) }
    }
    /// A value that holds a `Weak` to itself.
    #[track_caller]
    pub fn new_cyclic(make: impl FnOnce(&Weak<T>) -> T) -> Arc<T> {
        // There is nothing to upgrade to while the value is being made: the count starts at 0.
        let count = Handle::create(ObjectKind::Arc, 0);
        downgraded(count);
        let inner = StdArc::new_cyclic(|weak| make(&Weak { inner: weak.clone(), count }));
        if let Some(h) = count {
            h.perform(Op::ArcClone { obj: h.obj });
        }
        Arc::made(inner, count)
    }
    /// The value, if this is the only reference.
    #[track_caller]
    pub fn try_unwrap(this: Self) -> Result<T, Self> {
        if !this.is_sole() {
            return Err(this);
        }
        let (inner, count, site) = this.parts();
        announce_drop(count, site);
        let value = StdArc::try_unwrap(inner).unwrap_or_else(|_| unreachable!("it was the only reference"));
        destroyed(count);
        Ok(value)
    }
    /// The value, if this is the last reference; exactly one of several callers gets it.
    #[track_caller]
    pub fn into_inner(this: Self) -> Option<T> {
        let (inner, count, _) = this.parts();
        // Who gets the value shows who was last.
        if let Some(h) = count
            && let Some(run) = h.run()
        {
            run.engine().arc_observed(run.me(), h.obj);
        }
        announce_drop(count, Location::caller());
        let value = StdArc::into_inner(inner)?;
        destroyed(count);
        Some(value)
    }
    /// The value, cloned if there are other references.
    #[track_caller]
    pub fn unwrap_or_clone(this: Self) -> T
    where
        T: Clone,
    {
        Arc::try_unwrap(this).unwrap_or_else(|shared| (*shared).clone())
    }
}

impl<T: ?Sized> Arc<T> {
    /// A new count, of one, for `inner`.
    #[track_caller]
    fn counted(inner: StdArc<T>) -> Arc<T> {
        Arc::made(inner, Handle::create(ObjectKind::Arc, 1))
    }

    #[track_caller]
    fn made(inner: StdArc<T>, count: Option<Handle>) -> Arc<T> {
        Arc { inner: ManuallyDrop::new(inner), count, site: Location::caller() }
    }

    /// Takes it apart without dropping.
    fn parts(self) -> (StdArc<T>, Option<Handle>, Site) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again, so the reference is read out once.
        (unsafe { std::ptr::read(&*this.inner) }, this.count, this.site)
    }

    /// What tells allocations apart: the count's name if it has one, for that is the same in every execution.
    pub(super) fn key(&self) -> u64 {
        match self.count {
            Some(h) => u64::from(h.obj.creator().0) << 24 | u64::from(h.obj.nth()) | 1 << 63,
            None => StdArc::as_ptr(&self.inner).cast::<()>().addr() as u64,
        }
    }

    /// Is this the only reference? Acquires the drops of the others if so.
    #[track_caller]
    fn is_sole(&self) -> bool {
        let only = self.counted_now(true).is_none_or(|n| n == 1) && StdArc::strong_count(&self.inner) == 1;
        if let (true, Some(h)) = (only, self.count)
            && let Some(run) = h.run()
        {
            run.needs_no_weak(h.obj);
        }
        only
    }

    /// The count as the engine sees it, in a model.
    #[track_caller]
    fn counted_now(&self, sole: bool) -> Option<u64> {
        self.count.map(|h| h.perform(Op::ArcCount { obj: h.obj, sole }).value)
    }

    /// Exclusive access, if this is the only reference of any kind.
    #[track_caller]
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        if this.is_sole() { StdArc::get_mut(&mut this.inner) } else { None }
    }
    /// The number of references. As std's it orders nothing: a relaxed load.
    #[track_caller]
    pub fn strong_count(this: &Self) -> usize {
        this.counted_now(false).map_or_else(|| StdArc::strong_count(&this.inner), |n| n as usize)
    }
    /// The number of `Weak` references. Refused in models of several
    /// threads, which do not count them.
    pub fn weak_count(this: &Self) -> usize {
        uncounted(this.count);
        StdArc::weak_count(&this.inner)
    }
    /// A reference that does not keep the value alive.
    pub fn downgrade(this: &Self) -> Weak<T> {
        downgraded(this.count);
        Weak { inner: StdArc::downgrade(&this.inner), count: this.count }
    }
    /// Are they the same allocation?
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        StdArc::ptr_eq(&this.inner, &other.inner)
    }
    /// A pointer to the value.
    pub fn as_ptr(this: &Self) -> *const T {
        StdArc::as_ptr(&this.inner)
    }
    /// Gives the reference away as a raw pointer.
    pub fn into_raw(this: Self) -> *const T {
        let (inner, count, _) = this.parts();
        let raw = StdArc::into_raw(inner);
        if let Some(h) = count
            && let Some(run) = h.run()
        {
            run.state().raw.insert(raw.cast::<()>().addr(), h.obj);
        }
        raw
    }
    /// Takes a reference back that [`Arc::into_raw`] gave away.
    ///
    /// # Safety
    /// As std's: `raw` came from `into_raw` of the same type, and each such reference is taken back at most once.
    #[track_caller]
    pub unsafe fn from_raw(raw: *const T) -> Arc<T> {
        let count = run::current().and_then(|run| {
            let obj = run.state().raw.get(&raw.cast::<()>().addr()).copied();
            obj.map(|obj| Handle::known(run, obj))
        });
        // SAFETY: this function's contract is std's.
        Arc::made(unsafe { StdArc::from_raw(raw) }, count)
    }
    /// Adds a reference to one that is away as a raw pointer.
    ///
    /// # Safety
    /// As std's: `raw` came from `into_raw`, and the allocation is alive.
    #[track_caller]
    pub unsafe fn increment_strong_count(raw: *const T) {
        // SAFETY: the allocation is alive; the reference is only borrowed, hence `ManuallyDrop`.
        let this = ManuallyDrop::new(unsafe { Arc::from_raw(raw) });
        std::mem::forget((*this).clone());
    }
    /// Drops a reference that is away as a raw pointer.
    ///
    /// # Safety
    /// As std's: `raw` came from `into_raw`, and this reference is not used again.
    #[track_caller]
    pub unsafe fn decrement_strong_count(raw: *const T) {
        // SAFETY: this function's contract is that of `from_raw`.
        drop(unsafe { Arc::from_raw(raw) });
    }
}

impl<T: Clone> Arc<T> {
    /// Exclusive access, to a clone if there are other references.
    #[track_caller]
    pub fn make_mut(this: &mut Self) -> &mut T {
        if Arc::get_mut(this).is_none() {
            *this = Arc::new((**this).clone());
        }
        StdArc::get_mut(&mut this.inner).expect("the only reference: found so, or just made")
    }
}

/// A reference to `count` is about to go.
fn announce_drop(count: Option<Handle>, site: Site) {
    if let Some(h) = count {
        h.perform_in_drop(Op::ArcDrop { obj: h.obj }, site);
    }
}

/// A `Weak` of `count` is made.
fn downgraded(count: Option<Handle>) {
    if let Some(h) = count
        && let Some(run) = h.run()
    {
        run.downgraded(h.obj);
    }
}

/// The number of `Weak`s of `count` is asked for.
fn uncounted(count: Option<Handle>) {
    if let Some(run) = count.and_then(Handle::run) {
        run.weak_counted();
    }
}

/// The value behind `count` is gone.
fn destroyed(count: Option<Handle>) {
    if let Some(h) = count
        && let Some(run) = h.run()
    {
        run.ended(h.obj);
        run.engine().arc_destroyed(run.me(), h.obj);
    }
}

impl<T: ?Sized> Drop for Arc<T> {
    fn drop(&mut self) {
        announce_drop(self.count, self.site);
        let last = self.count.is_some() && StdArc::strong_count(&self.inner) == 1;
        // SAFETY: `drop` runs once, and nothing uses `inner` after it.
        unsafe { ManuallyDrop::drop(&mut self.inner) };
        if last {
            destroyed(self.count);
        }
    }
}

impl<T: ?Sized> Clone for Arc<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        if let Some(h) = self.count {
            h.perform(Op::ArcClone { obj: h.obj });
        }
        Arc::made(StdArc::clone(&self.inner), self.count)
    }
}

impl<T: ?Sized> ArcExt<T> for Arc<T> {
    #[track_caller]
    fn from_std(arc: StdArc<T>) -> Self {
        Arc::made(arc, None)
    }
    fn unsize<U: ?Sized>(this: Self, coerce: impl FnOnce(StdArc<T>) -> StdArc<U>) -> Arc<U> {
        let (inner, count, site) = this.parts();
        Arc { inner: ManuallyDrop::new(coerce(inner)), count, site }
    }
}

impl<T: ?Sized> Named for Arc<T> {
    fn named(self, name: impl Into<String>) -> Self {
        self.named_with(|| name.into())
    }
    fn named_with(self, name: impl FnOnce() -> String) -> Self {
        if let Some(h) = self.count {
            h.name(name);
        }
        self
    }
}

impl<T: ?Sized> Deref for Arc<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> AsRef<T> for Arc<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: ?Sized> Borrow<T> for Arc<T> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T: ?Sized> Unpin for Arc<T> {}

impl<T: Default> Default for Arc<T> {
    #[track_caller]
    fn default() -> Self {
        Arc::new(T::default())
    }
}

macro_rules! from {
    ($([$($bound:tt)*] $from:ty => $to:ty),*) => { $(
        impl $($bound)* From<$from> for Arc<$to> {
            #[track_caller]
            fn from(value: $from) -> Self {
                Arc::counted(StdArc::from(value))
            }
        }
    )* };
}
from!([<T>] T => T, [] &str => str, [] String => str, [<T: Clone>] &[T] => [T], [<T>] Vec<T> => [T],
    [<T, const N: usize>] [T; N] => [T], [<T: ?Sized>] Box<T> => T);

impl<T> FromIterator<T> for Arc<[T]> {
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Arc::counted(items.into_iter().collect())
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Arc<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
impl<T: ?Sized + Eq> Eq for Arc<T> {}
impl<T: ?Sized + PartialOrd> PartialOrd for Arc<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}
impl<T: ?Sized + Ord> Ord for Arc<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}
impl<T: ?Sized + Hash> Hash for Arc<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state)
    }
}
impl<T: ?Sized + fmt::Debug> fmt::Debug for Arc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
impl<T: ?Sized + fmt::Display> fmt::Display for Arc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
impl<T: ?Sized> fmt::Pointer for Arc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&Arc::as_ptr(self), f)
    }
}

impl<T> Weak<T> {
    /// A `Weak` to nothing.
    pub fn new() -> Weak<T> {
        Weak { inner: StdWeak::new(), count: None }
    }
}

impl<T: ?Sized> Weak<T> {
    /// A counted reference, if the value is still there.
    #[track_caller]
    pub fn upgrade(&self) -> Option<Arc<T>> {
        if let Some(h) = self.count
            && !h.perform(Op::ArcUpgrade { obj: h.obj }).ok
        {
            return None;
        }
        self.inner.upgrade().map(|inner| Arc::made(inner, self.count))
    }
    /// The number of counted references: a relaxed load.
    #[track_caller]
    pub fn strong_count(&self) -> usize {
        match self.count {
            Some(h) => h.perform(Op::ArcCount { obj: h.obj, sole: false }).value as usize,
            None => self.inner.strong_count(),
        }
    }
    /// The number of `Weak` references, 0 if no counted one is left. Refused in models of several
    /// threads, which do not count them.
    pub fn weak_count(&self) -> usize {
        uncounted(self.count);
        self.inner.weak_count()
    }
    /// Are they the same allocation?
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.inner.ptr_eq(&other.inner)
    }
    /// A pointer to the value; dangling if there is none.
    pub fn as_ptr(&self) -> *const T {
        self.inner.as_ptr()
    }
}

impl<T: ?Sized> Clone for Weak<T> {
    fn clone(&self) -> Self {
        Weak { inner: self.inner.clone(), count: self.count }
    }
}

impl<T> Default for Weak<T> {
    fn default() -> Self {
        Weak::new()
    }
}

impl<T: ?Sized> fmt::Debug for Weak<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(Weak)")
    }
}
