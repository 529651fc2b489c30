//! The stack of free slots, last in, first out.
//!
//! | `head` | means |
//! |---|---|
//! | 0 | no slot is free |
//! | an id | the slot on top, with the generation that its next session will have |
//!
//! | a slot's `below` | means |
//! |---|---|
//! | 0, while the slot is on the list | it lies at the bottom |
//! | an id, while the slot is on the list | the slot under it |
//! | anything, otherwise | nothing |
//!
//! It is Treiber's stack (*Systems programming: coping with parallelism*, 1986) whose nodes are named by the very
//! ids that will be issued. That rules out the ABA problem without a tag that could wrap: an id is pushed once,
//! so all the time that it lies on the list the same id lies under it, and a thread that read `(head, below)` an
//! hour ago and finds the same `head` may still exchange the one for the other.

use super::id::SessionId;
use super::slot::link;
use crate::sync::{AtomicU64, Named, Ordering, Shown};

/// The head of the stack; the links are in the slots. Alone on its cache line: opens and closes all meet here.
#[repr(align(64))]
pub(super) struct FreeList {
    head: AtomicU64,
}

impl FreeList {
    /// A stack with `top` on top; the links below it are in place.
    pub(super) fn new(top: SessionId) -> Self {
        FreeList { head: AtomicU64::new(top.into()).named("free.head").shown(|id| link(*id)) }
    }

    /// Takes the slot on top, with the id that its next session will have. The caller then owns the slot.
    #[inline]
    pub(super) fn pop<'a>(&self, below: impl Fn(SessionId) -> &'a AtomicU64) -> Option<SessionId> {
        // Acquire, here and on failure: pairs with the Release of `push`, directly or through the release sequence
        // of the exchanges since (only exchanges ever change `head`); makes the link visible, and the slot empty.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let top = SessionId::try_from(head).ok()?;
            // Relaxed: written before the push that the Acquire pairs with. It may be newer than that if the slot
            // has been popped since, but then the exchange fails.
            let under = below(top).load(Ordering::Relaxed);
            // Relaxed: the Acquire above has synchronised with the one push of this id. It publishes nothing.
            match self.head.compare_exchange(head, under, Ordering::Relaxed, Ordering::Acquire) {
                Ok(_) => return Some(top),
                Err(now) => head = now,
            }
        }
    }

    /// Puts a slot on top, to be opened next as `id`. The caller, its owner, owns it no longer.
    #[inline]
    pub(super) fn push(&self, id: SessionId, below: &AtomicU64) {
        // Relaxed: only a value to compare with.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // Relaxed: published by the exchange.
            below.store(head, Ordering::Relaxed);
            // Release: pairs with the Acquire of `pop`; publishes the link, and that the slot has been emptied.
            match self.head.compare_exchange(head, id.into(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}
