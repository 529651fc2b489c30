//! `LazyLock` of the checked form: a [`OnceLock`] with its initialiser.

use super::OnceLock;
use crate::sync::Named;
use std::fmt;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

/// A value that is computed when it is first looked at.
///
/// As std's, but no static: construct it inside the scenario.
pub struct LazyLock<T, F = fn() -> T> {
    value: OnceLock<T>,
    /// Taken by whoever initialises: `value` lets only one at a time. The lock is never contended, so no engine needs
    /// to see it.
    init: Mutex<Option<F>>,
}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// Not computed yet.
    #[track_caller]
    pub fn new(f: F) -> Self {
        LazyLock { value: OnceLock::new(), init: Mutex::new(Some(f)) }
    }

    /// Computes the value, unless that has been done, and waits for whoever is doing so.
    #[track_caller]
    pub fn force(this: &Self) -> &T {
        this.value.get_or_init(|| {
            let init = this.init.lock().unwrap_or_else(PoisonError::into_inner).take();
            init.expect("the initialiser of this LazyLock has panicked")()
        })
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;
    #[track_caller]
    fn deref(&self) -> &T {
        LazyLock::force(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    #[track_caller]
    fn default() -> Self {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LazyLock").field(&self.value).finish()
    }
}

impl<T, F> Named for LazyLock<T, F> {
    fn named(self, name: impl Into<String>) -> Self {
        LazyLock { value: self.value.named(name), ..self }
    }
    fn named_with(self, name: impl FnOnce() -> String) -> Self {
        LazyLock { value: self.value.named_with(name), ..self }
    }
}
