//! `Notify`, loom's primitive of its own: a wake-up that waits for its waiter. Written on the facade itself, so that one
//! source serves both forms.

use super::{Condvar, Mutex, Named};

/// A wake-up for one: [`notify`](Notify::notify) leaves it, [`wait`](Notify::wait) takes it, whichever comes first. More
/// than one that nobody has taken are one.
///
/// | notified | means | next |
/// |---|---|---|
/// | false | nothing to take | true, by `notify` |
/// | true | a wake-up waits | false, by whoever waits |
#[derive(Debug, Default)]
pub struct Notify {
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Notify {
    /// Nothing to take.
    #[track_caller]
    pub fn new() -> Self {
        Notify { notified: Mutex::new(false), changed: Condvar::new() }
    }

    /// Leaves a wake-up. What was done before it is seen by whoever takes it.
    #[track_caller]
    pub fn notify(&self) {
        *self.notified.lock() = true;
        self.changed.notify_one();
    }

    /// Takes a wake-up; blocks until there is one.
    #[track_caller]
    pub fn wait(&self) {
        let mut notified = self.notified.lock();
        while !*notified {
            self.changed.wait(&mut notified);
        }
        *notified = false;
    }
}

impl Named for Notify {
    fn named(self, name: impl Into<String>) -> Self {
        let name = name.into();
        Notify {
            notified: self.notified.named(format!("{name}.notified")),
            changed: self.changed.named(name),
        }
    }
    fn named_with(self, name: impl FnOnce() -> String) -> Self {
        if super::CHECKED { self.named(name()) } else { self }
    }
}
