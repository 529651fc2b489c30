//! The vocabulary of the event log: what a program under check can do ([`Op`]) and what was seen ([`Event`]).
//!
//! Every operation of the facade is announced as an [`Op`] *before* it happens and recorded as an [`Event`]
//! after. One log serves all engines and everything downstream: timelines, the minimiser, mutation, the race
//! detector under shuttle, the exact explorer.
//!
//! Threads and objects carry *structural* names: an [`ObjectId`] is its creating thread and that thread's
//! creation count, so it is the same in every execution, under every engine, and is never an address.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::panic::Location;
use std::sync::atomic::Ordering;

/// The frozen abbreviation of an ordering, in timelines and litmus tests alike.
pub(crate) fn order(o: Ordering) -> &'static str {
    match o {
        Ordering::Relaxed => "rlx",
        Ordering::Acquire => "acq",
        Ordering::Release => "rel",
        Ordering::AcqRel => "acqrel",
        _ => "sc",
    }
}

/// A model thread, numbered from 0 (the thread that runs the scenario) in order of creation within a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ThreadId(pub u8);

/// The scenario's own thread.
pub const MAIN: ThreadId = ThreadId(0);

/// A shared object: creating thread (8 bits) and that thread's creation count (24 bits).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectId(u32);

impl ObjectId {
    /// The `nth` object that `creator` made, from 0. Panics past 16,777,215 objects a thread.
    pub fn new(creator: ThreadId, nth: u32) -> Self {
        assert!(nth < 1 << 24, "more than 16,777,215 shared objects were created by one model thread");
        ObjectId((creator.0 as u32) << 24 | nth)
    }
    /// The thread that created it.
    pub fn creator(self) -> ThreadId {
        ThreadId((self.0 >> 24) as u8)
    }
    /// Its position, from 0, among the objects that its creator made.
    pub fn nth(self) -> u32 {
        self.0 & 0x00ff_ffff
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "o{}.{}", self.creator().0, self.nth())
    }
}

/// What the bits of an atomic mean: the log has all values zero-extended, and this is how they are written out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Means {
    /// A number from 0 up: counters, packed words, addresses kept as numbers.
    Unsigned,
    /// A number in two's complement.
    Signed,
    /// `true` or `false`.
    Bool,
    /// An address, or null.
    Pointer {
        /// The alignment of what it points to, at most 128: bits below it are a tag.
        align: u8,
    },
}

/// What kind of shared object it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ObjectKind {
    /// An atomic, pointers included; its bits are a `u64`.
    Atomic {
        /// Bits of the integer type: 1 (`bool`), 8, 16, 32 or 64.
        width: u8,
        /// What these bits mean to people; engines do not ask.
        means: Means,
    },
    /// Plain data behind `UnsafeCell`: watched for races.
    Cell,
    /// A mutual-exclusion lock.
    Mutex,
    /// A readers-writer lock.
    RwLock,
    /// A condition variable.
    Condvar,
    /// A reference count (`Arc`).
    Arc,
    /// A tracked lifetime (`Tracked`).
    Lifetime,
}

/// How a read-modify-write computes the new value. Values are zero-extended to 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rmw {
    /// Replace.
    Swap,
    /// Wrapping addition in the type's width.
    Add,
    /// Wrapping subtraction in the type's width.
    Sub,
    /// Bitwise and.
    And,
    /// Bitwise not-and.
    Nand,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Unsigned maximum.
    Max,
    /// Unsigned minimum.
    Min,
    /// Signed maximum.
    MaxSigned,
    /// Signed minimum.
    MinSigned,
}

impl Rmw {
    /// The new value for `old`, in an integer type of `width` bits (1 for `bool`).
    pub fn apply(self, width: u8, old: u64, operand: u64) -> u64 {
        let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
        let signed = |v: u64| ((v << (64 - width as u32)) as i64) >> (64 - width as u32);
        (match self {
            Rmw::Swap => operand,
            Rmw::Add => old.wrapping_add(operand),
            Rmw::Sub => old.wrapping_sub(operand),
            Rmw::And => old & operand,
            Rmw::Nand => !(old & operand),
            Rmw::Or => old | operand,
            Rmw::Xor => old ^ operand,
            Rmw::Max => old.max(operand),
            Rmw::Min => old.min(operand),
            Rmw::MaxSigned => signed(old).max(signed(operand)) as u64,
            Rmw::MinSigned => signed(old).min(signed(operand)) as u64,
        }) & mask
    }
}

/// One announced operation. `value`s of atomics are zero-extended to 64 bits; pointers are their addresses.
///
/// Each variant says what [`Answer::value`] and [`Answer::ok`] mean when it is done; where it says nothing they
/// are 0 and `true`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Atomic load. `value` = what was read.
    Load {
        /// The atomic.
        obj: ObjectId,
        /// Declared ordering.
        order: Ordering,
    },
    /// Atomic store.
    Store {
        /// The atomic.
        obj: ObjectId,
        /// Declared ordering.
        order: Ordering,
        /// What is written.
        value: u64,
    },
    /// Atomic read-modify-write that always succeeds. `value` = the old value.
    Rmw {
        /// The atomic.
        obj: ObjectId,
        /// Declared ordering.
        order: Ordering,
        /// How the new value is computed.
        rmw: Rmw,
        /// Its right-hand side.
        operand: u64,
        /// Bits of the integer type: 1, 8, 16, 32 or 64.
        width: u8,
    },
    /// Compare and exchange. `value` = what was read, `ok` = exchanged.
    Cas {
        /// The atomic.
        obj: ObjectId,
        /// Expected value.
        expected: u64,
        /// Replacement.
        new: u64,
        /// Ordering on success.
        success: Ordering,
        /// Ordering on failure.
        failure: Ordering,
        /// May fail spuriously (at most once a call, as a choice).
        weak: bool,
    },
    /// Atomic fence.
    Fence {
        /// Declared ordering.
        order: Ordering,
    },
    /// A plain access to an atomic's value through exclusive access (`get_mut`, `into_inner`, `unsync_load`):
    /// never a scheduling point, checked for races. `value` = the current value.
    PlainLoad {
        /// The atomic.
        obj: ObjectId,
    },
    /// The writing counterpart of `PlainLoad` (after `with_mut`).
    PlainStore {
        /// The atomic.
        obj: ObjectId,
        /// What is written.
        value: u64,
    },
    /// A plain access to a cell begins. Checked for races before memory is touched; not a scheduling point.
    CellBegin {
        /// The cell.
        obj: ObjectId,
        /// Exclusive (`with_mut`) or shared (`with`).
        write: bool,
    },
    /// The access begun by the matching `CellBegin` of this thread ends.
    CellEnd {
        /// The cell.
        obj: ObjectId,
        /// As at its begin.
        write: bool,
    },
    /// Blocking acquisition of a mutex.
    Lock {
        /// The mutex.
        obj: ObjectId,
    },
    /// `ok` = acquired.
    TryLock {
        /// The mutex.
        obj: ObjectId,
    },
    /// Release of a mutex held by this thread.
    Unlock {
        /// The mutex.
        obj: ObjectId,
    },
    /// Blocking acquisition of a readers-writer lock.
    RwLock {
        /// The lock.
        obj: ObjectId,
        /// Exclusive or shared.
        write: bool,
    },
    /// `ok` = acquired.
    TryRwLock {
        /// The lock.
        obj: ObjectId,
        /// Exclusive or shared.
        write: bool,
    },
    /// Release of one share, or of the exclusive hold.
    RwUnlock {
        /// The lock.
        obj: ObjectId,
        /// As at acquisition.
        write: bool,
    },
    /// Atomically release `mutex` and wait; reacquires before it is done. `ok` = notified (or spurious:
    /// [`Answer::SPURIOUS`]); `false` = timed out, only if `timed`.
    Wait {
        /// The condition variable.
        obj: ObjectId,
        /// The mutex, held by this thread.
        mutex: ObjectId,
        /// A timeout may fire, as a choice; the wait alone is then never a deadlock.
        timed: bool,
    },
    /// Wake one waiter (`all == false`) or all. `value` = how many were woken.
    Notify {
        /// The condition variable.
        obj: ObjectId,
        /// `notify_all`.
        all: bool,
    },
    /// Wait for, and consume, this thread's park token. `ok` = token taken (or spurious: [`Answer::SPURIOUS`]);
    /// `false` = timed out.
    Park {
        /// A timeout may fire, as a choice.
        timed: bool,
    },
    /// Set a thread's park token.
    Unpark {
        /// Whose token.
        thread: ThreadId,
    },
    /// A thread was created. Recorded for the log; the engine learns of it through `Engine::spawn`.
    Spawn {
        /// The new thread.
        child: ThreadId,
    },
    /// Wait for a thread to end.
    Join {
        /// Which one.
        child: ThreadId,
    },
    /// Last operation of a thread, announced by the facade when its closure and thread-locals are gone.
    Exit,
    /// `thread::yield_now`, `hint::spin_loop`: nothing to do until someone else has moved.
    Yield,
    /// A choice of the environment, `0..n`. `value` = the choice.
    Choose {
        /// Number of alternatives, at least 1.
        n: u32,
    },
    /// A reference to a counted allocation was added.
    ArcClone {
        /// The count.
        obj: ObjectId,
    },
    /// A reference was dropped. `ok` = it was the last one and the value is to be destroyed now.
    ArcDrop {
        /// The count.
        obj: ObjectId,
    },
    /// The count is observed: `value` = the count.
    ArcCount {
        /// The count.
        obj: ObjectId,
        /// Asked whether it is 1 (`get_mut`, `try_unwrap`): if so the drops of the others are acquired. If not
        /// (`strong_count`), a relaxed load.
        sole: bool,
    },
    /// Upgrade of a `Weak`: adds a reference unless the count is 0. `ok` = upgraded.
    ArcUpgrade {
        /// The count.
        obj: ObjectId,
    },
    /// A use of a tracked value begins (`end == false`), or its scope ends.
    Lifetime {
        /// The tracked value.
        obj: ObjectId,
        /// The owner leaves scope.
        end: bool,
    },
    /// The use begun by the matching `Lifetime` of this thread ends: whatever was done in it came before. Checked as
    /// its begin is.
    UseEnd {
        /// The tracked value.
        obj: ObjectId,
    },
}

impl Op {
    /// A small number per kind of operation, below 64; timed waits count as kinds of their own.
    #[inline]
    pub fn code(&self) -> u8 {
        use Op::*;
        match self {
            Load { .. } => 0,
            Store { .. } => 1,
            Rmw { .. } => 2,
            Cas { .. } => 3,
            Fence { .. } => 4,
            PlainLoad { .. } => 5,
            PlainStore { .. } => 6,
            CellBegin { .. } => 7,
            CellEnd { .. } => 8,
            Lock { .. } => 9,
            TryLock { .. } => 10,
            Unlock { .. } => 11,
            RwLock { .. } => 12,
            TryRwLock { .. } => 13,
            RwUnlock { .. } => 14,
            Wait { timed: false, .. } => 15,
            Notify { .. } => 16,
            Park { timed: false } => 17,
            Unpark { .. } => 18,
            Spawn { .. } => 19,
            Join { .. } => 20,
            Exit => 21,
            Yield => 22,
            Choose { .. } => 23,
            ArcClone { .. } => 24,
            ArcDrop { .. } => 25,
            ArcCount { .. } => 26,
            ArcUpgrade { .. } => 27,
            Lifetime { .. } => 28,
            Wait { timed: true, .. } => 29,
            Park { timed: true } => 30,
            UseEnd { .. } => 31,
        }
    }

    /// The object it acts on, if it acts on one.
    pub fn object(&self) -> Option<ObjectId> {
        use Op::*;
        match *self {
            Load { obj, .. } | Store { obj, .. } | Rmw { obj, .. } | Cas { obj, .. } => Some(obj),
            PlainLoad { obj } | PlainStore { obj, .. } => Some(obj),
            CellBegin { obj, .. } | CellEnd { obj, .. } => Some(obj),
            Lock { obj } | TryLock { obj } | Unlock { obj } => Some(obj),
            RwLock { obj, .. } | TryRwLock { obj, .. } | RwUnlock { obj, .. } => Some(obj),
            Wait { obj, .. } | Notify { obj, .. } => Some(obj),
            ArcClone { obj } | ArcDrop { obj } | ArcCount { obj, .. } | ArcUpgrade { obj } => Some(obj),
            Lifetime { obj, .. } | UseEnd { obj } => Some(obj),
            Fence { .. } | Park { .. } | Unpark { .. } | Spawn { .. } | Join { .. } => None,
            Exit | Yield | Choose { .. } => None,
        }
    }
}

/// What an engine answers when an operation is done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Answer {
    /// Meaning by [`Op`].
    pub value: u64,
    /// Meaning by [`Op`].
    pub ok: bool,
}

impl Answer {
    /// Done, with nothing to say.
    pub const DONE: Answer = Answer { value: 0, ok: true };
    /// Of `Wait` and `Park`: it has ended by itself. Its thread is not told: to it this is [`Answer::DONE`].
    pub const SPURIOUS: Answer = Answer { value: 1, ok: true };
    /// Of `Wait` and `Park`: nobody has come in time.
    pub const TIMED_OUT: Answer = Answer { value: 0, ok: false };
    /// A value.
    pub fn value(value: u64) -> Answer {
        Answer { value, ok: true }
    }
}

/// What the environment, and no thread, has answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Whim {
    /// A wait has ended by itself.
    Spurious,
    /// A wait was given up.
    TimedOut,
    /// A weak exchange has failed although it found what it expected.
    Failed,
    /// This one of so many alternatives.
    Chosen(u32, u32),
}

impl Whim {
    /// What there is instead, if the environment answers otherwise: of a choice this alternative, of others nothing.
    pub fn otherwise(self, instead: u32) -> Option<Whim> {
        match self {
            Whim::Chosen(_, n) => Some(Whim::Chosen(instead, n)),
            Whim::Spurious | Whim::Failed | Whim::TimedOut => None,
        }
    }
}

impl Op {
    /// What the environment had to do with it, if anything.
    pub fn whim(&self, answer: Answer) -> Option<Whim> {
        match self {
            Op::Wait { .. } | Op::Park { .. } if answer == Answer::SPURIOUS => Some(Whim::Spurious),
            Op::Wait { .. } | Op::Park { .. } if !answer.ok => Some(Whim::TimedOut),
            Op::Cas { expected, .. } if !answer.ok && answer.value == *expected => Some(Whim::Failed),
            Op::Choose { n } if *n > 1 => Some(Whim::Chosen(answer.value as u32, *n)),
            _ => None,
        }
    }
}

/// [`Event::from`] of a read of the initial value.
pub const FROM_INITIAL: u32 = u32::MAX;

/// One completed operation.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Who did it.
    pub thread: ThreadId,
    /// What.
    pub op: Op,
    /// With which result.
    pub answer: Answer,
    /// For a read: index in the log of the write it read from, or [`FROM_INITIAL`], where the engine knows it.
    pub from: Option<u32>,
    /// Where in the source.
    pub site: &'static Location<'static>,
}

impl Event {
    /// What it has written to which atomic.
    pub fn written(&self) -> Option<(ObjectId, u64)> {
        match self.op {
            Op::Store { obj, value, .. } | Op::PlainStore { obj, value } => Some((obj, value)),
            Op::Rmw { obj, rmw, operand, width, .. } => {
                Some((obj, rmw.apply(width, self.answer.value, operand)))
            }
            Op::Cas { obj, new, .. } if self.answer.ok => Some((obj, new)),
            _ => None,
        }
    }
}
