//! Thread-locals of the checked form: in a model, one value per model thread and execution.

use crate::check::run;
use std::cell::{Cell, RefCell};
use std::fmt;

/// The thread-local has been destroyed already: the thread is ending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessError;

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already destroyed")
    }
}

impl std::error::Error for AccessError {}

/// A thread-local, declared by `thread_local!`.
pub struct LocalKey<T: 'static> {
    native: &'static std::thread::LocalKey<T>,
    init: fn() -> T,
}

impl<T: 'static> LocalKey<T> {
    /// For `thread_local!`.
    #[doc(hidden)]
    pub const fn new(native: &'static std::thread::LocalKey<T>, init: fn() -> T) -> Self {
        LocalKey { native, init }
    }

    /// Gives `f` this thread's value, which is made at the first access. Panics while the thread ends, when the
    /// value is destroyed already.
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("a thread-local was accessed during or after its destruction: {error}"),
        }
    }

    /// [`LocalKey::with`], without panicking.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let Some(run) = run::current() else { return self.native.try_with(f).map_err(|_| AccessError) };
        run.engine().asks_who(run.me());
        let value = match run.local(self.key()) {
            Some(found) => found.ok_or(AccessError)?,
            None => {
                if std::mem::needs_drop::<T>() {
                    run.has_destructor();
                }
                run.set_local(self.key(), Box::new((self.init)()))
            }
        };
        let value = value.cast::<T>();
        // SAFETY: the value was boxed under this key, so it is a `T`. It is destroyed by the ending of this very
        // thread only, which is not while `f` runs on it: its entry is taken out before its destructor runs, and
        // an access from there gets `AccessError`. Other model threads have boxes of their own.
        Ok(f(unsafe { &*value }))
    }

    fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Replaces the value.
    pub fn set(&'static self, value: T) {
        self.with(|c| c.set(value));
    }
    /// A copy of the value.
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }
    /// Takes the value and leaves the default.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }
    /// Replaces the value and returns the old one.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|c| c.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Borrows the value.
    pub fn with_borrow<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.with(|c| f(&c.borrow()))
    }
    /// Borrows the value exclusively.
    pub fn with_borrow_mut<R>(&'static self, f: impl FnOnce(&mut T) -> R) -> R {
        self.with(|c| f(&mut c.borrow_mut()))
    }
    /// Replaces the value.
    pub fn set(&'static self, value: T) {
        self.with(|c| drop(c.replace(value)));
    }
    /// Takes the value and leaves the default.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }
    /// Replaces the value and returns the old one.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|c| c.replace(value))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// Declares thread-locals, with std's syntax. In a model every model thread has its own, made anew in each
/// execution and destroyed when the thread ends.
#[doc(hidden)]
#[macro_export]
macro_rules! __selvedge_thread_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $ty:ty = const $init:block $(; $($rest:tt)*)?) => {
        $crate::__selvedge_thread_local!($(#[$attr])* $vis static $name: $ty = $init $(; $($rest)*)?);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $ty:ty = $init:expr $(; $($rest:tt)*)?) => {
        $(#[$attr])*
        $vis static $name: $crate::sync::thread::LocalKey<$ty> = {
            fn init() -> $ty {
                $init
            }
            ::std::thread_local! {
                static NATIVE: $ty = init();
            }
            $crate::sync::thread::LocalKey::new(&NATIVE, init)
        };
        $($crate::__selvedge_thread_local!($($rest)*);)?
    };
}
