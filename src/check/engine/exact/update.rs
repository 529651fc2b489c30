//! What the read half of an operation does with the value it reads.
//!
//! Plain data rather than closures: a revisited read must be able to answer, from another thread's step,
//! whether it succeeds with its new value.

use super::graph::{EventId, Tag};
use crate::check::event::Rmw;

/// The reading primitive that an operation is lowered to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Update {
    /// A load.
    Load,
    /// A load that waits until the value is this one.
    AwaitLoad(u64),
    /// Always writes.
    Rmw { rmw: Rmw, operand: u64, width: u8 },
    /// Compare and exchange.
    Cas { expected: u64, new: u64, fails: Fails },
    /// Compare and exchange that waits for a match.
    AwaitCas { expected: u64, new: u64 },
    /// Adds one share to a readers-writer word unless a writer holds it.
    ReadLock { wait: bool },
    /// Takes a readers-writer word that nobody holds.
    WriteLock { wait: bool },
    /// Adds one unless the value is zero.
    AddUnlessZero,
    /// Joins a condition variable's queue as this waiter.
    Enqueue(u16),
    /// Takes one waiter out of the queue (any: an alternative each), if there is one.
    DequeueOne,
    /// Takes all waiters out, if there is one.
    DequeueAll,
}

/// When an exchange may fail although the value matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fails {
    Never,
    Always,
    /// Whatever it reads from, but for this write.
    ButFrom(EventId),
}

/// The bit of a readers-writer word that says a writer holds it.
pub const WRITER: u64 = 1 << 32;

/// What comes of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The read stands alone, with the failure ordering.
    Alone,
    /// The read stands alone and is what a waiting load waited for.
    Satisfied,
    /// The read stands alone and its thread cannot go on with this value.
    Blocked,
    /// The write half writes this.
    Write(u64),
    /// The write half makes a new queue (see [`Queues`]).
    Queue(QueueChange),
}

/// How the write half changes a condition variable's queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueChange {
    Add(u16),
    RemoveAt(usize),
    Clear,
}

impl Effect {
    pub fn writes(self) -> bool {
        matches!(self, Effect::Write(_) | Effect::Queue(_))
    }
}

/// Queues of condition variables. A queue word's value is an index into this table; the table belongs to one
/// execution, and nobody compares indices, so their order does not matter.
#[derive(Default)]
pub struct Queues(Vec<Vec<u16>>);

impl Queues {
    pub fn clear(&mut self) {
        self.0.clear();
    }
    pub fn get(&self, value: u64) -> &[u16] {
        if value == 0 { &[] } else { &self.0[value as usize - 1] }
    }
    pub fn change(&mut self, value: u64, c: QueueChange) -> u64 {
        let mut q = self.get(value).to_vec();
        match c {
            QueueChange::Add(w) => q.push(w),
            QueueChange::RemoveAt(i) => {
                q.remove(i);
            }
            QueueChange::Clear => q.clear(),
        }
        if q.is_empty() {
            return 0;
        }
        self.0.push(q);
        self.0.len() as u64
    }
}

impl Update {
    /// May it block on a value? Then it is scheduled after everybody else.
    pub fn waits(self) -> bool {
        matches!(
            self,
            Update::AwaitLoad(_)
                | Update::AwaitCas { .. }
                | Update::ReadLock { wait: true }
                | Update::WriteLock { wait: true }
        )
    }

    /// What the program asked for.
    pub fn tag(self) -> Tag {
        let (code, a, b) = match self {
            Update::Load => return Tag::NONE,
            Update::AwaitLoad(v) => (1, v, 0),
            Update::Rmw { rmw, operand, width } => {
                (2 | (rmw as u64) << 8 | u64::from(width) << 16, operand, 0)
            }
            Update::Cas { expected, new, fails } => {
                let fails = match fails {
                    Fails::Never => 0,
                    Fails::Always => 1,
                    Fails::ButFrom(_) => 2,
                };
                (3 | fails << 8, expected, new)
            }
            Update::AwaitCas { expected, new } => (4, expected, new),
            Update::ReadLock { wait } => (5, u64::from(wait), 0),
            Update::WriteLock { wait } => (6, u64::from(wait), 0),
            Update::AddUnlessZero => (7, 0, 0),
            Update::Enqueue(w) => (8, u64::from(w), 0),
            Update::DequeueOne => (9, 0, 0),
            Update::DequeueAll => (10, 0, 0),
        };
        Tag::NONE.with(code).with_value(a).with_value(b)
    }

    /// How many alternatives there are once `old` is read, from `w`.
    pub fn alternatives(self, old: u64, w: EventId, queues: &Queues) -> u16 {
        match self {
            Update::Cas { expected, fails: Fails::Always, .. } if old == expected => 2,
            Update::Cas { expected, fails: Fails::ButFrom(known), .. } if old == expected && w != known => 2,
            Update::DequeueOne => queues.get(old).len().max(1) as u16,
            _ => 1,
        }
    }

    /// What comes of reading `old`, by alternative.
    pub fn effect(self, old: u64, alternative: u16, queues: &Queues) -> Effect {
        let when = |yes: bool, new: u64, no: Effect| if yes { Effect::Write(new) } else { no };
        let no = |wait: bool| if wait { Effect::Blocked } else { Effect::Alone };
        match self {
            Update::Load => Effect::Alone,
            Update::AwaitLoad(v) if v == old => Effect::Satisfied,
            Update::AwaitLoad(_) => Effect::Blocked,
            Update::Rmw { rmw, operand, width } => Effect::Write(rmw.apply(width, old, operand)),
            Update::Cas { expected, new, .. } => {
                when(old == expected && alternative == 0, new, Effect::Alone)
            }
            Update::AwaitCas { expected, new } => when(old == expected, new, Effect::Blocked),
            Update::ReadLock { wait } => when(old & WRITER == 0, old + 1, no(wait)),
            Update::WriteLock { wait } => when(old == 0, WRITER, no(wait)),
            Update::AddUnlessZero => when(old != 0, old.wrapping_add(1), Effect::Alone),
            Update::Enqueue(w) => Effect::Queue(QueueChange::Add(w)),
            Update::DequeueOne if queues.get(old).is_empty() => Effect::Alone,
            Update::DequeueOne => Effect::Queue(QueueChange::RemoveAt(alternative as usize)),
            Update::DequeueAll if queues.get(old).is_empty() => Effect::Alone,
            Update::DequeueAll => Effect::Queue(QueueChange::Clear),
        }
    }
}
