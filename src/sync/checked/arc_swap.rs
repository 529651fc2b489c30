//! `ArcSwap` of the checked form: a modelled atomic pointer, not a lock.
//!
//! The engine sees one atomic whose value names an allocation. Orderings are those of arc-swap: replacing is a
//! SeqCst read-modify-write of the pointer, reading is an Acquire load of it. (arc-swap also promises that each
//! operation contains *some* SeqCst read-modify-write, but on a read that one is on the reader's own debt slot and
//! does not make the pointer's load any fresher.) So a reader may get a stale value, as with the real thing.
//!
//! Every `Arc` ever stored is kept until the `ArcSwap` itself is dropped, for a stale read must still find it.
//! Hence the limit: the *time* of a replaced value's destructor, and counts while the `ArcSwap` lives, are not
//! modelled.

use super::arc::Arc;
use super::handle::{Handle, Repr, named_by};
use crate::check::event::{Means, ObjectKind, Op, Rmw};
use crate::sync::{Shown, plain};
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::Ordering;
use std::sync::{Arc as StdArc, Mutex, MutexGuard, PoisonError};

/// A place for an [`Arc`] that can be read and replaced concurrently.
pub struct ArcSwap<T> {
    /// The native one holds the facade's `Arc` in a std one, for arc-swap knows only std's.
    repr: Repr<plain::ArcSwap<Arc<T>>>,
    /// By key, everything that was ever stored. Never locked across an operation: hence the std `Arc` around the
    /// facade's, whose clone is none.
    table: Mutex<Table<T>>,
    /// What its author says of a value.
    show: Option<StdArc<Show<T>>>,
}

type Show<T> = dyn Fn(&T) -> String + Send + Sync;

type Table<T> = Vec<(u64, StdArc<Arc<T>>)>;

impl<T> ArcSwap<T> {
    /// Holds `value`.
    #[track_caller]
    pub fn new(value: Arc<T>) -> Self {
        let key = value.key();
        match Handle::create(ObjectKind::Atomic { width: 64, means: Means::Pointer { align: 1 } }, key) {
            Some(handle) => {
                let table = Mutex::new(vec![(key, StdArc::new(value))]);
                ArcSwap { repr: Repr::Modelled(handle), table, show: None }
            }
            None => {
                let repr = Repr::Native(plain::ArcSwap::from_pointee(value));
                ArcSwap { repr, table: Mutex::default(), show: None }
            }
        }
    }
    /// Holds a new `Arc` of `value`.
    #[track_caller]
    pub fn from_pointee(value: T) -> Self {
        Self::new(Arc::new(value))
    }
    /// The current value, on loan.
    #[track_caller]
    pub fn load(&self) -> ArcSwapGuard<T> {
        ArcSwapGuard(self.load_full())
    }
    /// The current value, counted.
    #[track_caller]
    pub fn load_full(&self) -> Arc<T> {
        match self.repr.get() {
            Repr::Native(swap) => Arc::clone(&swap.load()),
            Repr::Modelled(h) => {
                self.find(h.perform(Op::Load { obj: h.obj, order: Ordering::Acquire }).value)
            }
        }
    }
    /// Replaces the value.
    #[track_caller]
    pub fn store(&self, value: Arc<T>) {
        drop(self.swap(value));
    }
    /// Replaces the value and returns the old one.
    #[track_caller]
    pub fn swap(&self, value: Arc<T>) -> Arc<T> {
        match self.repr.get() {
            Repr::Native(swap) => Arc::clone(&swap.swap(StdArc::new(value))),
            Repr::Modelled(h) => {
                let operand = self.keep(value);
                let (order, rmw) = (Ordering::SeqCst, Rmw::Swap);
                self.find(h.perform(Op::Rmw { obj: h.obj, order, rmw, operand, width: 64 }).value)
            }
        }
    }
    /// Replaces the value if it is the same allocation as `current`. Returns what was there before; it was
    /// replaced exactly if that is `current`.
    #[track_caller]
    pub fn compare_and_swap(&self, current: &Arc<T>, new: Arc<T>) -> ArcSwapGuard<T> {
        ArcSwapGuard(match self.repr.get() {
            Repr::Native(swap) => {
                let new = StdArc::new(new);
                loop {
                    let seen = swap.load();
                    if !Arc::ptr_eq(&seen, current) {
                        break Arc::clone(&seen);
                    }
                    let before = swap.compare_and_swap(&seen, new.clone());
                    if StdArc::ptr_eq(&before, &seen) {
                        break Arc::clone(&before);
                    }
                }
            }
            Repr::Modelled(h) => {
                let (expected, new) = (current.key(), self.keep(new));
                let (success, failure) = (Ordering::SeqCst, Ordering::Acquire);
                let op = Op::Cas { obj: h.obj, expected, new, success, failure, weak: false };
                self.find(h.perform(op).value)
            }
        })
    }
    /// Read, copy, update: retries `update` until the value it was given is still there. Returns the old value.
    #[track_caller]
    pub fn rcu<R: Into<Arc<T>>>(&self, mut update: impl FnMut(&Arc<T>) -> R) -> Arc<T> {
        let mut seen = self.load_full();
        loop {
            let before = self.compare_and_swap(&seen, update(&seen).into());
            if Arc::ptr_eq(&before, &seen) {
                return seen;
            }
            seen = ArcSwapGuard::into_inner(before);
        }
    }
    /// Consumes it and returns the value.
    #[track_caller]
    pub fn into_inner(self) -> Arc<T> {
        match &self.repr {
            Repr::Native(swap) => Arc::clone(&swap.load()),
            Repr::Modelled(h) => self.find(h.perform(Op::PlainLoad { obj: h.obj }).value),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `value` for as long as this lives; returns its key.
    fn keep(&self, value: Arc<T>) -> u64 {
        let key = value.key();
        let mut table = self.table();
        if table.iter().all(|(k, _)| *k != key) {
            self.say(key, &value);
            table.push((key, StdArc::new(value)));
        } else {
            drop(table);
            drop(value);
        }
        key
    }

    /// Tells the run what is in the allocation `key`.
    fn say(&self, key: u64, value: &T) {
        if let (Some(show), Repr::Modelled(h)) = (&self.show, &self.repr)
            && let Some(run) = h.run()
        {
            run.show_pointee(h.obj, key, || show(value));
        }
    }

    /// What was stored under `key`. An engine that lets a destructor of an abandoned execution run may answer
    /// anything: it gets the first one.
    #[track_caller]
    fn find(&self, key: u64) -> Arc<T> {
        let table = self.table();
        let found =
            table.iter().find(|(k, _)| *k == key).or(table.first().filter(|_| std::thread::panicking()));
        let found = found.expect("an engine read a pointer that nobody stored").1.clone();
        drop(table);
        Arc::clone(&found)
    }
}

impl<T> From<Arc<T>> for ArcSwap<T> {
    #[track_caller]
    fn from(value: Arc<T>) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for ArcSwap<T> {
    #[track_caller]
    fn default() -> Self {
        Self::from_pointee(T::default())
    }
}

impl<T> fmt::Debug for ArcSwap<T> {
    /// Does not look at the content: that would be an operation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArcSwap").field("object", &self.repr).finish_non_exhaustive()
    }
}

/// A value on loan from an [`ArcSwap`].
pub struct ArcSwapGuard<T>(Arc<T>);

impl<T> ArcSwapGuard<T> {
    /// Makes a counted reference of the loan.
    pub fn into_inner(guard: Self) -> Arc<T> {
        guard.0
    }
}

impl<T> Deref for ArcSwapGuard<T> {
    type Target = Arc<T>;
    fn deref(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for ArcSwapGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

named_by!(repr: [<T>] ArcSwap<T>);

impl<T: 'static> Shown for ArcSwap<T> {
    type Value = T;
    fn shown<S: Into<String>>(mut self, show: impl Fn(&T) -> S + Copy + Send + Sync + 'static) -> Self {
        self.show = Some(StdArc::new(move |value| show(value).into()));
        for (key, value) in self.table().iter() {
            self.say(*key, value);
        }
        self
    }
}
