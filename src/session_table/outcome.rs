//! What operations of the table answer: refusals, limits and counters.

use super::MAX_CAPACITY;
use super::id::GENERATION_MAX;
use crate::sync::{AtomicU64, Named, Ordering};
use std::fmt;

/// Why an id did not lead to an open session.
///
/// A refusal says nothing about what other threads have done to other memory: it is not a synchronisation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejected {
    /// The session was open once and is closed or claimed: the answer comes too late.
    Stale,
    /// No session has had this id: it is forged, damaged, or from another table.
    Vacant,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rejected::Stale => "the session is closed",
            Rejected::Vacant => "no session was opened with this id",
        })
    }
}

impl std::error::Error for Rejected {}

/// No slot is free: each holds a session that is open, or closed and still guarded, or is retired.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<T>(
    /// The value that found no place.
    pub T,
);

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the session table is full")
    }
}

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full(..)")
    }
}

impl<T> std::error::Error for Full<T> {}

/// How large a table is and how often it uses each slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Slots, allocated at once: 1 to 16,777,216.
    pub capacity: usize,
    /// Sessions that one slot holds, one after the other, before it is retired: 1 to 2^40 - 1.
    ///
    /// Leave it at the maximum, except to see retirement happen.
    pub generations: u64,
}

impl Limits {
    /// The largest number of generations.
    pub const GENERATIONS_MAX: u64 = GENERATION_MAX;

    /// `capacity` slots with as many generations as an id can carry.
    pub fn new(capacity: usize) -> Self {
        Limits { capacity, generations: Self::GENERATIONS_MAX }
    }

    pub(super) fn validated(self) -> Result<Self, InvalidLimits> {
        if !(1..=MAX_CAPACITY).contains(&self.capacity) {
            return Err(InvalidLimits::Capacity(self.capacity));
        }
        if !(1..=Self::GENERATIONS_MAX).contains(&self.generations) {
            return Err(InvalidLimits::Generations(self.generations));
        }
        Ok(self)
    }
}

/// A table of these [`Limits`] cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InvalidLimits {
    /// No such number of slots.
    Capacity(usize),
    /// No such number of generations.
    Generations(u64),
}

impl fmt::Display for InvalidLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidLimits::Capacity(n) => write!(f, "a session table has 1 to {MAX_CAPACITY} slots, not {n}"),
            InvalidLimits::Generations(n) => {
                write!(f, "a slot has 1 to {} generations, not {n}", Limits::GENERATIONS_MAX)
            }
        }
    }
}

impl std::error::Error for InvalidLimits {}

/// What a table has refused so far, and what it has lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Closes and completions that came too late.
    pub stale: u64,
    /// Closes and completions with an id that was never issued.
    pub vacant: u64,
    /// Opens that found no free slot.
    pub full: u64,
    /// Slots whose generations are spent. The capacity has shrunk by as many.
    pub retired: u64,
}

/// The counters at work. All Relaxed: each is a sum of its own and orders nothing. None is on a path that succeeds,
/// except `retired`, once in the life of a slot.
pub(super) struct Tally {
    stale: AtomicU64,
    vacant: AtomicU64,
    full: AtomicU64,
    retired: AtomicU64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Tally {
            stale: AtomicU64::new(0).named("stale"),
            vacant: AtomicU64::new(0).named("vacant"),
            full: AtomicU64::new(0).named("full"),
            retired: AtomicU64::new(0).named("retired"),
        }
    }

    /// Counts a refusal and passes it on.
    #[cold]
    pub(super) fn rejected(&self, why: Rejected) -> Rejected {
        match why {
            Rejected::Stale => &self.stale,
            Rejected::Vacant => &self.vacant,
        }
        .fetch_add(1, Ordering::Relaxed);
        why
    }

    #[cold]
    pub(super) fn full(&self) {
        self.full.fetch_add(1, Ordering::Relaxed);
    }

    #[cold]
    pub(super) fn retired(&self) {
        self.retired.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Counters {
        Counters {
            stale: self.stale.load(Ordering::Relaxed),
            vacant: self.vacant.load(Ordering::Relaxed),
            full: self.full.load(Ordering::Relaxed),
            retired: self.retired.load(Ordering::Relaxed),
        }
    }
}
