//! The facade: write a concurrent component once, against these names.
//!
//! Two forms, chosen when the crate is built; [`CHECKED`] says which one this is.
//!
//! **Production** (no feature): the types *are* parking_lot's, arc-swap's and std's, or `repr(transparent)`
//! inline wrappers around them. Nothing is recorded and nothing is paid; `ci/cost.sh` compares instruction
//! counts.
//!
//! **Checked** (feature `check`, or `--cfg loom`, `--cfg shuttle`): the same names are recording types. Each
//! object picks its engine *when it is constructed*: inside a model it belongs to the execution at hand, and
//! everything done with it is announced to the engine before it happens; outside it is native, that is, the
//! production object itself.
//!
//! # Rules for code that is to be checked
//!
//! * Construct shared objects inside the scenario. Constructors are not promised to be `const` in either form,
//!   and a model has no statics: an object that outlives its execution would carry state into the next.
//! * An object made in one execution must not be used in another, nor outside; one made outside must not be used
//!   inside. Both panic with a message that says so. Dropping is always harmless, and so is a native [`Arc`].
//! * Method calls on `self: Arc<Self>` do not exist in checked form; take `&Arc<Self>` or a free function. For a
//!   trait object use [`ArcExt::unsize`].
//! * All nondeterminism goes through the facade: [`choose`], [`time::Deadline`], [`thread`]. No clocks, no
//!   `HashMap` order, no addresses.
//!
//! # What the checked form means
//!
//! * Timeouts (`wait_for`, `wait_until`, `park_timeout`, `recv_timeout`, [`time::Deadline`]) are choices of the
//!   environment: they may or may not fire, whatever the duration, which is ignored.
//! * Spurious wake-ups and spurious failures of `compare_exchange_weak` are choices too, where the engine's
//!   fidelity says so.
//! * Locks do not poison, as parking_lot's. A panic that leaves a model thread fails the execution.
//! * Only operations of the facade are seen. A race on raw memory that is not behind [`UnsafeCell`], or on a
//!   plain std atomic, is invisible.

#[cfg(any(feature = "check", loom, shuttle))]
mod checked;
pub mod future;
mod notify;
#[cfg_attr(any(feature = "check", loom, shuttle), allow(dead_code, unused_imports))]
mod plain;

#[cfg(any(feature = "check", loom, shuttle))]
pub use checked::*;
#[cfg(not(any(feature = "check", loom, shuttle)))]
pub use plain::*;

pub use atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16,
    AtomicU32, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
};
pub use cell::UnsafeCell;
pub use notify::Notify;

/// Is this the checked form? Benchmarks and examples assert that it is not.
pub const CHECKED: bool = cfg!(any(feature = "check", loom, shuttle));

/// Names for objects, so that a counterexample says `slot[0].generation` instead of `o0.3`.
///
/// Implemented for every shared object of the facade. Free in production: both methods return `self`, and
/// [`Named::named_with`] does not even call its argument.
pub trait Named: Sized {
    /// Names the object.
    #[inline]
    fn named(self, name: impl Into<String>) -> Self {
        let _ = name;
        self
    }
    /// Names the object; the name is only built where it is used.
    #[inline]
    fn named_with(self, name: impl FnOnce() -> String) -> Self {
        let _ = name;
        self
    }
}

/// Values in words, so that a counterexample says `nodes: [0,2] -> [0]` where it could say only that `nodes` was locked,
/// and `gen 1 open, 1 guard` instead of `385`.
///
/// * An atomic says what its value means, wherever a value of it is printed.
/// * A [`Mutex`] or [`RwLock`] says what it protects, at the end of each section that could have changed it; its column in
///   a counterexample then shows that, not who holds it.
/// * An [`ArcSwap`] says what is in the allocation that it holds.
///
/// Free in production: [`Shown::shown`] returns `self` and drops its argument. In a model it is no operation and nothing
/// that a scheduler sees. It is kept and run only in an execution that may be shown: so it is `Copy`, and cannot hold a
/// reference count; it must not use the facade; and if it panics, the counterexample says `(panicked)` in its place.
///
/// ```
/// use selvedge::sync::{AtomicU32, Mutex, Named, Shown};
///
/// let nodes = Mutex::new(vec![0, 2]).named("nodes").shown(|nodes| format!("{nodes:?}"));
/// let word = AtomicU32::new(3).named("word").shown(|word| format!("gen {}, {}", word >> 1, ["open", "closed"][*word as usize & 1]));
/// let closed = AtomicU32::new(0).named("closed").shown(|closed| if *closed == 0 { "no" } else { "yes" });
/// # let _ = (nodes, word, closed);
/// ```
pub trait Shown: Sized {
    /// What it holds or protects.
    type Value;
    /// `show` says it in words, the fewer the better.
    #[inline]
    fn shown<S: Into<String>>(self, show: impl Fn(&Self::Value) -> S + Copy + Send + Sync + 'static) -> Self {
        let _ = show;
        self
    }
}

/// What [`Arc`] needs beyond std's API because its checked form is not std's type.
pub trait ArcExt<T: ?Sized>: Sized {
    /// The facade's `Arc` for an allocation of `std::sync::Arc`. Its count is not watched.
    fn from_std(arc: std::sync::Arc<T>) -> Self;
    /// Changes the static type of the pointee: `Arc::unsize::<dyn Trait>(a, |a| a)` makes an `Arc<dyn Trait>`.
    fn unsize<U: ?Sized>(this: Self, coerce: impl FnOnce(std::sync::Arc<T>) -> std::sync::Arc<U>) -> Arc<U>;
}

#[cfg(not(any(feature = "check", loom, shuttle)))]
mod production {
    //! The traits above for types that are re-exports.
    use super::*;

    macro_rules! unnamed {
        ($([$($bound:tt)*] $ty:ty),* $(,)?) => { $(impl $($bound)* Named for $ty {})* };
    }
    unnamed!(
        [] AtomicBool, [] AtomicI8, [] AtomicI16, [] AtomicI32, [] AtomicI64, [] AtomicIsize, [<T>] AtomicPtr<T>,
        [] AtomicU8, [] AtomicU16, [] AtomicU32, [] AtomicU64, [] AtomicUsize, [<T>] UnsafeCell<T>,
        [<T>] cell::Cell<T>, [<T>] Mutex<T>, [<T>] RwLock<T>, [] Condvar, [] Barrier, [] Once, [<T>] OnceLock<T>, [<T, F>] LazyLock<T, F>,
        [<T: ?Sized>] Arc<T>, [<T>] ArcSwap<T>, [<T>] Tracked<T>,
    );

    macro_rules! unshown {
        ($([$($bound:tt)*] $ty:ty: $value:ty),* $(,)?) => { $(impl $($bound)* Shown for $ty { type Value = $value; })* };
    }
    unshown!(
        [] AtomicBool: bool, [] AtomicI8: i8, [] AtomicI16: i16, [] AtomicI32: i32, [] AtomicI64: i64,
        [] AtomicIsize: isize, [] AtomicU8: u8, [] AtomicU16: u16, [] AtomicU32: u32, [] AtomicU64: u64,
        [] AtomicUsize: usize, [<T: 'static>] AtomicPtr<T>: *mut T, [<T: 'static>] Mutex<T>: T,
        [<T: 'static>] RwLock<T>: T, [<T: 'static>] ArcSwap<T>: T,
    );

    impl<T: ?Sized> ArcExt<T> for Arc<T> {
        #[inline]
        fn from_std(arc: std::sync::Arc<T>) -> Self {
            arc
        }
        #[inline]
        fn unsize<U: ?Sized>(this: Self, coerce: impl FnOnce(Arc<T>) -> Arc<U>) -> Arc<U> {
            coerce(this)
        }
    }
}

/// Declares thread-locals, with std's syntax. In a model every model thread has its own, made anew in each
/// execution and destroyed when the thread ends.
#[cfg(not(any(feature = "check", loom, shuttle)))]
pub use std::thread_local;
