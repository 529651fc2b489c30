//! A crate that is not Selvedge's: a mailbox for one letter, written against the facade.

use selvedge::sync::{AtomicBool, Ordering, UnsafeCell};

/// Holds one letter from one sender for one receiver.
#[derive(Default)]
pub struct Mailbox {
    full: AtomicBool,
    letter: UnsafeCell<u32>,
}

// SAFETY: the receiver reads the letter only after it has seen `full` set by the sender, who never writes again.
unsafe impl Sync for Mailbox {}

/// Pairs with the `Acquire` in `receive`. The planted fault is that it does not.
const PUBLISH: Ordering = if cfg!(feature = "planted") { Ordering::Relaxed } else { Ordering::Release };

impl Mailbox {
    /// Posts the only letter.
    pub fn send(&self, letter: u32) {
        // SAFETY: one sender, and no receiver before `full`.
        self.letter.with_mut(|p| unsafe { *p = letter });
        self.full.store(true, PUBLISH);
    }

    /// The letter, if it has come.
    pub fn receive(&self) -> Option<u32> {
        // SAFETY: `full` was set after the letter was written, and nobody writes after.
        self.full.load(Ordering::Acquire).then(|| self.letter.with(|p| unsafe { *p }))
    }
}
