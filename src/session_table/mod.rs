//! [`SessionTable`]: a bounded concurrent table whose ids name one session for ever.
//!
//! A client holds an id, a reply carries it through a network, a timer remembers it: by the time it comes back, the
//! session may be closed and its place in the table may hold another. With ids that are reused (an index, a file
//! descriptor, a connection number) the late reply is then applied to the wrong session. Here it is refused:
//!
//! ```
//! use selvedge::session_table::{Completion, Rejected, SessionTable};
//!
//! let table = SessionTable::new(1);
//! let first = table.open("bind, first try")?;
//! table.close(first)?;
//! let second = table.open("bind, second try")?;
//! assert_eq!(first.index(), second.index(), "the slot is used again, the id is not");
//!
//! // The reply to the first try arrives.
//! assert!(table.get(first).is_none());
//! assert!(matches!(table.complete(first), Completion::Stale));
//!
//! // The reply to the second try arrives, twice.
//! assert_eq!(table.complete(second).taken().map(|session| *session), Some("bind, second try"));
//! assert!(matches!(table.complete(second), Completion::Stale));
//! assert_eq!(table.close(second), Err(Rejected::Stale));
//! assert_eq!(table.counters().stale, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//! * An id is issued once in the life of the table. A slot whose generations are spent is retired, never wrapped.
//! * Of all closes and completions of one session, concurrent or not, exactly one succeeds.
//! * A value is destroyed once, after its session was closed and the last [`Guard`] or [`Claim`] is gone, by the
//!   thread that was last.
//! * Any 64 bits may come from a stranger: at worst they name a session that is open, which is for the caller's
//!   protocol to prevent. They cause no panic, no race and no damage.
//! * No operation blocks, and none waits for a guard. They are lock-free: one thread's retry is another's progress.
//! * Memory is bounded: all slots are allocated at once, and an open that finds none gets its value back in [`Full`].
//!
//! # How it works, and how fast it can get
//! One word a slot holds generation, the open bit and the number of guards (`slot`); one stack of ids holds the
//! free slots (`free_list`). Neither is new: generations beside an index are the handles of operating systems, slot maps
//! and entity tables, and the stack is Treiber's. A refused lookup is one load. A guard costs two read-modify-writes on
//! its slot's own line; an open costs one on the stack's line, a close one on each.
//!
//! What is faster can be put in place behind the same interface, for guards borrow the table and neither `close`
//! nor `complete` promises the value at once: guards as per-thread pins (store, fence, store; no write to a shared
//! line) with values retired by epoch, and per-thread caches of free ids above the stack. Both leave the ids, the
//! decision by generation and the single winner as they are.

mod free_list;
mod guard;
mod id;
mod outcome;
mod slot;

pub use guard::{Claim, Completion, Guard};
pub use id::{InvalidSessionId, ParseSessionIdError, SessionId};
pub use outcome::{Counters, Full, InvalidLimits, Limits, Rejected};

use free_list::FreeList;
use outcome::Tally;
use slot::Slot;
use std::fmt;

/// The most slots that a table can have.
pub const MAX_CAPACITY: usize = 1 << id::INDEX_BITS;

/// A bounded concurrent table of sessions. See the [module](self) for what it promises.
pub struct SessionTable<T> {
    slots: Box<[Slot<T>]>,
    free: FreeList,
    /// The generation after which a slot is retired.
    last_generation: u64,
    tally: Tally,
}

// SAFETY: `&SessionTable` gives `&T` to any thread (guards), so `T: Sync`; any thread may put a value in and any
// other take or destroy it, so `T: Send`. Access to the values is ordered by the state words, as `slot` says; all
// else is atomics.
unsafe impl<T: Send + Sync> Sync for SessionTable<T> {}

impl<T> SessionTable<T> {
    /// A table of `capacity` slots.
    ///
    /// # Panics
    /// If `capacity` is 0 or more than [`MAX_CAPACITY`]; [`SessionTable::with_limits`] returns an error instead.
    pub fn new(capacity: usize) -> Self {
        match SessionTable::with_limits(Limits::new(capacity)) {
            Ok(table) => table,
            Err(why) => panic!("{why}"),
        }
    }

    /// A table with these limits.
    pub fn with_limits(limits: Limits) -> Result<Self, InvalidLimits> {
        let Limits { capacity, generations } = limits.validated()?;
        let capacity = capacity as u32;
        let below = |index| (index + 1 < capacity).then(|| SessionId::new(index + 1, 1));
        Ok(SessionTable {
            slots: (0..capacity).map(|index| Slot::new(index, below(index))).collect(),
            free: FreeList::new(SessionId::new(0, 1)),
            last_generation: generations,
            tally: Tally::new(),
        })
    }

    /// Opens a session.
    ///
    /// Whoever learns the id through a synchronising channel finds the session open until it is closed.
    #[inline]
    pub fn open(&self, value: T) -> Result<SessionId, Full<T>> {
        let Some(id) = self.free.pop(|id| &self.slot(id).below) else {
            self.tally.full();
            return Err(Full(value));
        };
        // SAFETY: we have just popped this slot with this generation.
        unsafe { self.slot(id).open(id.generation(), value) };
        Ok(id)
    }

    /// The session, if it is open. A refusal is decided by one load, is not counted, and writes nothing.
    ///
    /// # Panics
    /// If the session has 8,388,607 guards already.
    #[inline]
    pub fn get(&self, id: SessionId) -> Option<Guard<'_, T>> {
        self.lookup(id).ok()
    }

    /// [`get`](Self::get), with the reason of a refusal.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    #[inline]
    pub fn lookup(&self, id: SessionId) -> Result<Guard<'_, T>, Rejected> {
        self.find(id)?.share(id.generation())?;
        Ok(Guard::new(self, id))
    }

    /// Closes a session: from now on its id is stale. The value is destroyed here, or by the last guard.
    #[inline]
    pub fn close(&self, id: SessionId) -> Result<(), Rejected> {
        let closed = self.find(id).and_then(|slot| slot.close(id.generation()));
        if closed.map_err(|why| self.tally.rejected(why))? {
            // SAFETY: `close` made us the owner of the slot, and nothing has been done with it yet.
            drop(unsafe { self.vacate(id) });
        }
        Ok(())
    }

    /// Closes a session and takes it over: of all closers and completers exactly one gets it.
    ///
    /// This is how a reply, its timeout and a cancellation compete for one pending call.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    #[inline]
    pub fn complete(&self, id: SessionId) -> Completion<'_, T> {
        match self.find(id).and_then(|slot| slot.claim(id.generation())) {
            Ok(()) => Completion::Taken(Claim::new(self, id)),
            Err(why) => self.tally.rejected(why).into(),
        }
    }

    /// Guards on the sessions that are open when the iterator comes by. Sessions opened or closed meanwhile may or
    /// may not be seen; none is seen twice unless it was closed and its slot opened again behind the iterator's back.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { table: self, slots: 0..self.slots.len() as u32 }
    }

    /// The ids of the sessions that are open when the iterator comes by. Hints: nothing is kept alive, and each session
    /// may be closed before its id is looked at.
    pub fn ids(&self) -> impl Iterator<Item = SessionId> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| {
            let word = slot.glance();
            word.is_open().then(|| SessionId::new(index, word.generation()))
        })
    }

    /// Slots, retired ones included.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// What was refused and lost so far. Concurrent operations may be counted or not.
    pub fn counters(&self) -> Counters {
        self.tally.read()
    }

    /// The slot of an id that this table has issued.
    #[inline]
    fn slot(&self, id: SessionId) -> &Slot<T> {
        &self.slots[id.index() as usize]
    }

    /// The slot of an id that may come from anywhere.
    #[inline]
    fn find(&self, id: SessionId) -> Result<&Slot<T>, Rejected> {
        self.slots.get(id.index() as usize).ok_or(Rejected::Vacant)
    }

    /// Empties the slot of a session that is over and makes it available again, or retires it. The value is
    /// returned, so that its destructor runs when the table is in order: it may use the table, or panic.
    ///
    /// # Safety
    /// The caller owns the slot of `id`, and this is the first thing it does with it.
    unsafe fn vacate(&self, id: SessionId) -> Option<T> {
        let slot = self.slot(id);
        // SAFETY: the caller owns the slot and it has not been pushed.
        let value = unsafe { slot.take() };
        if id.generation() < self.last_generation {
            self.free.push(SessionId::new(id.index(), id.generation() + 1), &slot.below);
        } else {
            self.tally.retired();
        }
        value
    }
}

impl<T> fmt::Debug for SessionTable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTable")
            .field("capacity", &self.capacity())
            .field("open", &self.slots.iter().filter(|slot| slot.glance().is_open()).count())
            .field("counters", &self.counters())
            .finish()
    }
}

impl<'a, T> IntoIterator for &'a SessionTable<T> {
    type Item = Guard<'a, T>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// See [`SessionTable::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    table: &'a SessionTable<T>,
    slots: std::ops::Range<u32>,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = Guard<'a, T>;

    fn next(&mut self) -> Option<Guard<'a, T>> {
        self.slots.by_ref().find_map(|index| {
            let word = self.table.slots[index as usize].glance();
            if !word.is_open() {
                return None;
            }
            self.table.get(SessionId::new(index, word.generation()))
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.slots.len()))
    }
}

impl<T> std::iter::FusedIterator for Iter<'_, T> {}

static_assertions::assert_eq_size!(Option<SessionId>, u64);
static_assertions::assert_impl_all!(SessionTable<Box<u8>>: Send, Sync);
static_assertions::assert_impl_all!(Guard<'static, Box<u8>>: Send, Sync);
static_assertions::assert_impl_all!(Claim<'static, Box<u8>>: Send, Sync);
// Shared access from several threads needs `T: Sync`; moving a value between threads needs `T: Send`.
static_assertions::assert_impl_all!(SessionTable<std::cell::Cell<u8>>: Send);
static_assertions::assert_not_impl_any!(SessionTable<std::cell::Cell<u8>>: Sync);
static_assertions::assert_not_impl_any!(SessionTable<std::rc::Rc<u8>>: Send, Sync);
static_assertions::assert_not_impl_any!(Guard<'static, std::cell::Cell<u8>>: Send, Sync);
static_assertions::assert_not_impl_any!(Claim<'static, std::rc::Rc<u8>>: Send, Sync);
