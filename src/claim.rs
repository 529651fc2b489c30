//! [`PendingCalls`]: the calls of one connection that wait for an answer; and [`ClaimToken`], the one right to end one.
//!
//! A reply, a timeout and an abort compete for every call. A flag "pending" does not decide between them when it is
//! looked at and cleared in two steps, and not when the place of the call has been given to the next call meanwhile. Here
//! exactly one of them gets the token, for exactly the call that the serial was issued for; who comes too late, or with a
//! number that was never issued, is told so and counted.
//!
//! ```
//! use selvedge::claim::{Ending, PendingCalls, Unmatched};
//!
//! let calls = PendingCalls::new(8)?;
//! let serial = calls.register("read block 7")?;
//!
//! // The call times out; whoever gets the token owns what the call left behind.
//! let token = calls.claim(serial, Ending::Timeout)?;
//! assert_eq!(token.end(), "read block 7");
//!
//! // The next call takes the same place. The late reply to the first one does not reach it.
//! let next = calls.register("read block 8")?;
//! assert_ne!(next, serial);
//! assert_eq!(calls.claim(serial, Ending::Reply).unwrap_err(), Unmatched::Late);
//! assert_eq!(calls.counters().unmatched_replies, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//! The calls are sessions of a [`SessionTable`], whose slot words decide every race by one exchange (the state table is
//! there). A serial is the session's generation and index in 32 bits: with 2^k places, k bits of index and 32 - k of
//! generation. A generation is used once, so 0 is never issued and a serial never comes round: a place whose generations
//! are spent is retired, and when all are, [`Refused::Spent`] says so. Serials mean something on their connection only: a
//! new connection has a new table.
//!
//! A place is not used again before its token is gone: nobody else can be given what the holder of the token is working
//! on.
//!
//! # When the connection is lost
//! First [`close`](PendingCalls::close), then [`claim_all`](PendingCalls::claim_all). A sender that still holds the old
//! table may be registering at this moment: behind the iterator, its call would have nobody left to end it (model
//! `connection_lost`). With the table closed first, each call is either refused ([`Refused::Closed`]) and handed back, or
//! found by the first `claim_all` that begins later.
//!
//! | `closed` | who may move it | to | a `register` | a `claim_all` |
//! |---|---|---|---|---|
//! | no | anybody: the connection is lost | yes | begins a call | ends those that it meets; others may begin behind it |
//! | yes | nobody | | begins none, and takes back what it was about to begin, unless somebody has ended that already | leaves no call behind |
//!
//! A call that is registered pays for that with a fence, beside one read-modify-write: it must be seen before it looks.
//!
//! # How long a table lasts
//! A place is good for 2^(32 - k) - 1 calls, so all of them together for about 2^32, whatever the capacity, and a free
//! place is used again before one that has rested longer. With one call at a time it is always the same place that is
//! used, up to its last serial, then the next: at [`MAX_PENDING`] and 100,000 calls a second one is spent every 0.7 s,
//! and the last after 12 hours. What is spent is room that a burst does not find ([`Refused::Full`]) long before
//! [`Refused::Spent`] is all there is. [`Counters::spent`] is the gauge: open a new connection with a new table when it has
//! become a part of the capacity that you would miss, a half, say.
//!
//! # Who invented it
//! Slots with generations are old (handles of operating systems, entity tables of games); the free places are Treiber's
//! stack, as the table says. Refusing late comers by a store, a fence and a load on either side is Dekker's protocol.

use crate::serial::Serial;
use crate::session_table::{Claim, Completion, Limits, SessionId, SessionTable};
use crate::sync::{AtomicBool, AtomicU64, Named, Ordering, fence};
use std::fmt;
use std::ops::Deref;

/// The most calls that can be pending: it leaves 16 bits of generation.
pub const MAX_PENDING: usize = 1 << 16;

/// Bits of an index in a [`SessionId`].
const ID_INDEX_BITS: u32 = 24;

/// How a call is ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    /// The answer has come.
    Reply,
    /// The caller waits no longer.
    Timeout,
    /// The connection, or the whole request, was given up.
    Abort,
}

/// The pending calls of one connection. See the [module](self).
pub struct PendingCalls<T> {
    table: SessionTable<T>,
    /// Low bits of a serial that are the index.
    index_bits: u32,
    /// The connection is lost: see the module.
    closed: AtomicBool,
    /// Replies refused. Relaxed: a sum of its own.
    unmatched_replies: AtomicU64,
}

// SAFETY: the table is shared only with `T: Sync` because its guards give `&T` to several threads at once. This type hands
// out no guard: a value goes in by one thread and is reached by no other until one of them has its one claim, which the
// slot's word orders after that. So a value moves between threads and is never shared: `T: Send` is enough.
unsafe impl<T: Send> Sync for PendingCalls<T> {}

impl<T> PendingCalls<T> {
    /// Room for `capacity` calls at a time, 1 to [`MAX_PENDING`], until places are spent (module, *How long a table
    /// lasts*).
    pub fn new(capacity: usize) -> Result<Self, InvalidCapacity> {
        PendingCalls::with_generations(capacity, u32::MAX)
    }

    /// The same, with at most so many calls per place, 1 at least: for seeing what happens when they are spent.
    pub fn with_generations(capacity: usize, generations: u32) -> Result<Self, InvalidCapacity> {
        if !(1..=MAX_PENDING).contains(&capacity) {
            return Err(InvalidCapacity(capacity));
        }
        let index_bits = capacity.next_power_of_two().trailing_zeros();
        let generations = u64::from(generations.max(1)).min(u64::from(u32::MAX >> index_bits));
        let table = SessionTable::with_limits(Limits { capacity, generations });
        Ok(PendingCalls {
            table: table.expect("limits within the table's"),
            index_bits,
            closed: AtomicBool::new(false).named("closed"),
            unmatched_replies: AtomicU64::new(0).named("unmatched replies"),
        })
    }

    /// A call begins. Send its serial with the request; do it after this has returned.
    ///
    /// A call that is refused was not seen by anybody and comes back. One that begins while the table is being closed may
    /// have ended, claimed by somebody else, when this returns its serial.
    #[inline]
    pub fn register(&self, call: T) -> Result<Serial, Refused<T>> {
        // Relaxed: whoever knows that the table is closed finds it so, by coherence; for all others the load below decides.
        if self.closed.load(Ordering::Relaxed) {
            return Err(Refused::Closed(call));
        }
        match self.table.open(call) {
            Ok(id) => {
                // SeqCst: pairs with the fence in `close`. If the load below misses the closing, this fence comes before
                // that one, and whoever claims all after it finds the call. (Acquire and Release alone would allow store
                // buffering: this misses the closing, and the one who closed misses the call.)
                fence(Ordering::SeqCst);
                // Relaxed: ordered by the fences; nothing is read on the strength of it.
                if self.closed.load(Ordering::Relaxed) { self.take_back(id) } else { Ok(self.serial(id)) }
            }
            Err(full) if self.table.counters().retired == self.capacity() as u64 => {
                Err(Refused::Spent(full.0))
            }
            Err(full) => Err(Refused::Full(full.0)),
        }
    }

    /// The table was closed while the call of `id` began.
    #[cold]
    fn take_back(&self, id: SessionId) -> Result<Serial, Refused<T>> {
        match self.table.complete(id) {
            Completion::Taken(claim) => Err(Refused::Closed(inner(claim))),
            // Whoever claims all has met it, and ends it: it has begun, and is over.
            Completion::Stale | Completion::Vacant => Ok(self.serial(id)),
        }
    }

    /// The connection is lost: no call begins any more. Returns whether this call is what closed the table.
    ///
    /// Calls that are pending stay so: [`claim_all`](Self::claim_all) of them next. Every call whose
    /// [`register`](Self::register) has returned a serial, or ever will, is found by that, unless it has ended.
    pub fn close(&self) -> bool {
        // Relaxed: the fence orders it.
        let open = !self.closed.swap(true, Ordering::Relaxed);
        // SeqCst: pairs with the fence in `register`, which see. Also for who finds the table closed: it may be about to
        // claim all, and the one who closed it may not have come to its own fence yet.
        fence(Ordering::SeqCst);
        open
    }

    /// Is the table closed? By the time the caller looks at it, it may be.
    pub fn is_closed(&self) -> bool {
        // Relaxed: a hint.
        self.closed.load(Ordering::Relaxed)
    }

    /// Claims the call that `serial` was issued for. Of all claims of one call exactly one succeeds.
    ///
    /// The serial may come from a stranger: any number is refused that names no pending call.
    #[inline]
    pub fn claim(&self, serial: Serial, ending: Ending) -> Result<ClaimToken<'_, T>, Unmatched> {
        let completion = match self.id(serial) {
            Some(id) => self.table.complete(id),
            None => Completion::Vacant,
        };
        let why = match completion {
            Completion::Taken(claim) => return Ok(ClaimToken { claim, serial, ending }),
            Completion::Stale => Unmatched::Late,
            Completion::Vacant => Unmatched::Unknown,
        };
        if ending == Ending::Reply {
            self.unmatched_replies.fetch_add(1, Ordering::Relaxed);
        }
        Err(why)
    }

    /// Claims every call that is pending when the iterator comes by. Calls that begin meanwhile may be missed: if the
    /// connection is lost, [`close`](Self::close) the table first.
    pub fn claim_all(&self, ending: Ending) -> impl Iterator<Item = ClaimToken<'_, T>> {
        self.table.ids().filter_map(move |id| self.claim(self.serial(id), ending).ok())
    }

    /// Places, spent ones included.
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// What was refused so far. Concurrent operations may be counted or not.
    pub fn counters(&self) -> Counters {
        let table = self.table.counters();
        Counters {
            unmatched_replies: self.unmatched_replies.load(Ordering::Relaxed),
            full: table.full,
            spent: table.retired,
        }
    }

    #[inline]
    fn serial(&self, id: SessionId) -> Serial {
        let bits = (id.generation() as u32) << self.index_bits | id.index();
        Serial::new(bits).expect("generations start at 1 and fit above the index")
    }

    /// The id that `serial` would have been made from; `None` if its generation is 0.
    #[inline]
    fn id(&self, serial: Serial) -> Option<SessionId> {
        let (bits, mask) = (u64::from(serial.get()), (1 << self.index_bits) - 1);
        SessionId::try_from((bits >> self.index_bits) << ID_INDEX_BITS | bits & mask).ok()
    }
}

impl<T> fmt::Debug for PendingCalls<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingCalls")
            .field("capacity", &self.capacity())
            .field("pending", &self.table.ids().count())
            .field("closed", &self.is_closed())
            .field("counters", &self.counters())
            .finish()
    }
}

/// What a claimed session carried. Alone: pending calls hand out no guards.
fn inner<T>(claim: Claim<'_, T>) -> T {
    match claim.try_into_inner() {
        Ok(call) => call,
        Err(_) => unreachable!("pending calls hand out no guards"),
    }
}

/// The one right to end a call: nobody else has it, had it, or will get it. Dropped, it ends the call and destroys what
/// the call carried.
pub struct ClaimToken<'a, T> {
    claim: Claim<'a, T>,
    serial: Serial,
    ending: Ending,
}

// SAFETY: the token is the only way to its value, as `PendingCalls` says, and what else it refers to are the table's
// atomics. Sent, it takes the value along: `T: Send`. (Shared, it gives `&T` to several threads: that needs `T: Sync`, as
// the compiler finds by itself.)
unsafe impl<T: Send> Send for ClaimToken<'_, T> {}

impl<T> ClaimToken<'_, T> {
    /// The call's serial.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// As what the call was claimed.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Ends the call and hands over what it carried. Its place is free for the next one.
    #[inline]
    pub fn end(self) -> T {
        inner(self.claim)
    }
}

impl<T> Deref for ClaimToken<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.claim
    }
}

impl<T> fmt::Debug for ClaimToken<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimToken")
            .field("serial", &self.serial)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

/// Why a serial led to no call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unmatched {
    /// The call was ended before, by whatever got there first.
    Late,
    /// No call has had this serial: it is forged, damaged, or from another connection.
    Unknown,
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unmatched::Late => "the call has ended already",
            Unmatched::Unknown => "no call was made with this serial",
        })
    }
}

impl std::error::Error for Unmatched {}

/// A call that could not begin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Refused<T> {
    /// Every place has a pending call, or a token that is still held, or is spent: [`Counters::spent`] says how many.
    Full(T),
    /// No serial is left that was never used: open a new connection.
    Spent(T),
    /// The table was [closed](PendingCalls::close): the connection is lost.
    Closed(T),
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Full(_) => "too many calls are pending",
            Refused::Spent(_) => "the serial numbers of this connection are spent",
            Refused::Closed(_) => "the connection is lost",
        })
    }
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Full(_) => "Full(..)",
            Refused::Spent(_) => "Spent(..)",
            Refused::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> std::error::Error for Refused<T> {}

/// No table of pending calls has so much room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidCapacity(
    /// What was asked for.
    pub usize,
);

impl fmt::Display for InvalidCapacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "between 1 and {MAX_PENDING} calls can be pending, not {}", self.0)
    }
}

impl std::error::Error for InvalidCapacity {}

/// What a table of pending calls has refused, and what it has used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Replies that matched no pending call, and were dropped.
    pub unmatched_replies: u64,
    /// Calls that found no place.
    pub full: u64,
    /// Places whose serials are spent: the capacity has shrunk by as many.
    pub spent: u64,
}

static_assertions::assert_impl_all!(PendingCalls<Box<u8>>: Send, Sync);
static_assertions::assert_not_impl_any!(PendingCalls<std::rc::Rc<u8>>: Send, Sync);
static_assertions::assert_not_impl_any!(ClaimToken<'static, std::rc::Rc<u8>>: Send, Sync);
// Callbacks are seldom `Sync`. They are moved to whoever ends the call, and never shared.
static_assertions::assert_impl_all!(PendingCalls<Box<dyn FnOnce(u8) + Send>>: Send, Sync);
static_assertions::assert_impl_all!(PendingCalls<std::cell::Cell<u8>>: Send, Sync);
static_assertions::assert_impl_all!(ClaimToken<'static, std::cell::Cell<u8>>: Send);
static_assertions::assert_not_impl_any!(ClaimToken<'static, std::cell::Cell<u8>>: Sync);
