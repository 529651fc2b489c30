//! loom's own objects for the objects of the execution at hand.
//!
//! An operation may switch threads in the middle, so nothing borrows the table across it: objects are reference
//! counted and handed out.

use crate::check::event::{ObjectKind, Op, Rmw, ThreadId};
use loom::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::sync::atomic::Ordering;

/// An atomic is the loom atomic of its width: wrapping arithmetic is then right by itself.
pub enum Word {
    /// 8 bits, and `bool` as 0 and 1: loom's `AtomicBool` has no exclusive access.
    U8(AtomicU8),
    /// 16 bits.
    U16(AtomicU16),
    /// 32 bits.
    U32(AtomicU32),
    /// 64 bits.
    U64(AtomicU64),
}

macro_rules! each_width {
    ($word:expr, $a:ident : $t:ident => $body:expr) => {
        match $word {
            Word::U8($a) => {
                type $t = u8;
                $body
            }
            Word::U16($a) => {
                type $t = u16;
                $body
            }
            Word::U32($a) => {
                type $t = u32;
                $body
            }
            Word::U64($a) => {
                type $t = u64;
                $body
            }
        }
    };
}

/// Accesses under way: by whom, writing or not.
type Accesses = SmallVec<[(ThreadId, bool, ManuallyDrop<Access>); 2]>;

/// Shares and holds: by whom, how often.
type Holds = SmallVec<[(ThreadId, u32, ManuallyDrop<RwGuard>); 4]>;

#[allow(clippy::useless_conversion)] // in the instance for 64 bits
impl Word {
    fn new(width: u8, init: u64) -> Self {
        match width {
            1 | 8 => Word::U8(AtomicU8::new(init as u8)),
            16 => Word::U16(AtomicU16::new(init as u16)),
            32 => Word::U32(AtomicU32::new(init as u32)),
            64 => Word::U64(AtomicU64::new(init)),
            _ => unreachable!("no atomic has {width} bits"),
        }
    }

    /// Reads.
    pub fn load(&self, order: Ordering) -> u64 {
        each_width!(self, a: T => T::into(a.load(order)))
    }

    /// Writes.
    pub fn store(&self, value: u64, order: Ordering) {
        each_width!(self, a: T => a.store(value as T, order))
    }

    /// (read, exchanged)
    pub fn cas(&self, expected: u64, new: u64, success: Ordering, failure: Ordering) -> (u64, bool) {
        each_width!(self, a: T => match a.compare_exchange(expected as T, new as T, success, failure) {
            Ok(v) => (v.into(), true),
            Err(v) => (v.into(), false),
        })
    }

    /// The old value.
    pub fn rmw(&self, rmw: Rmw, operand: u64, order: Ordering, width: u8) -> u64 {
        if matches!((rmw, width), (Rmw::MaxSigned | Rmw::MinSigned, _) | (Rmw::Nand, 1)) {
            return self.rmw_by_cas(rmw, operand, order, width);
        }
        each_width!(self, a: T => {
            let v = operand as T;
            T::into(match rmw {
                Rmw::Swap => a.swap(v, order),
                Rmw::Add => a.fetch_add(v, order),
                Rmw::Sub => a.fetch_sub(v, order),
                Rmw::And => a.fetch_and(v, order),
                Rmw::Nand => a.fetch_nand(v, order),
                Rmw::Or => a.fetch_or(v, order),
                Rmw::Xor => a.fetch_xor(v, order),
                Rmw::Max => a.fetch_max(v, order),
                Rmw::Min => a.fetch_min(v, order),
                Rmw::MaxSigned | Rmw::MinSigned => unreachable!("done by CAS"),
            })
        })
    }

    /// For what loom's atomic of this type has not: a load and a CAS loop. What it adds to the search are loads
    /// that read something old and CASes that fail for it, no new results: loom's failing CAS reads the newest
    /// value.
    fn rmw_by_cas(&self, rmw: Rmw, operand: u64, order: Ordering, width: u8) -> u64 {
        let failure = match order {
            Ordering::SeqCst => Ordering::SeqCst,
            Ordering::Acquire | Ordering::AcqRel => Ordering::Acquire,
            _ => Ordering::Relaxed,
        };
        let mut old = self.load(Ordering::Relaxed);
        loop {
            match self.cas(old, rmw.apply(width, old, operand), order, failure) {
                (v, true) => return v,
                (v, false) => old = v,
            }
        }
    }

    /// Through exclusive access.
    pub fn plain_load(&self) -> u64 {
        // SAFETY: loom's `unsync_load` touches no memory but loom's tables; it panics if the load races.
        unsafe { each_width!(self, a: T => T::into(a.unsync_load())) }
    }

    /// Through exclusive access.
    pub fn plain_store(&mut self, value: u64) {
        each_width!(self, a: T => a.with_mut(|v| *v = value as T))
    }
}

/// One of loom's two tracked pointers: the access lasts until it is dropped.
pub enum Access {
    /// Shared.
    Read(#[allow(dead_code)] loom::cell::ConstPtr<()>),
    /// Exclusive.
    Write(#[allow(dead_code)] loom::cell::MutPtr<()>),
}

/// A guard of the mutex in the same object.
pub type MutexGuard = loom::sync::MutexGuard<'static, ()>;

/// A guard of the lock in the same object.
pub enum RwGuard {
    /// A share.
    Read(#[allow(dead_code)] loom::sync::RwLockReadGuard<'static, ()>),
    /// The exclusive hold.
    Write(#[allow(dead_code)] loom::sync::RwLockWriteGuard<'static, ()>),
}

/// A shared object. Guards and accesses are `ManuallyDrop`: dropped by their own operation only, because dropping
/// one outside an execution makes loom panic.
pub enum Object {
    /// Its word, and the value that the last operation on it left there in the order of execution, for destructors
    /// of an abandoned execution. Borrowed mutably by plain stores only.
    Atomic(RefCell<Word>, Cell<u64>),
    /// Its races are loom's to find; accesses that are under way.
    Cell(loom::cell::UnsafeCell<()>, RefCell<Accesses>),
    /// With the guard while it is held.
    Mutex(loom::sync::Mutex<()>, Cell<Option<ManuallyDrop<MutexGuard>>>),
    /// With the guards while they are held. A thread's further shares are counted only: loom's lock takes one a
    /// thread.
    RwLock(loom::sync::RwLock<()>, RefCell<Holds>),
    /// With how many have announced a wait and were not notified.
    Condvar(loom::sync::Condvar, Cell<u64>),
    /// A count that loom does not see.
    QuietArc(Cell<u64>),
    /// A count that it does.
    CountedArc(AtomicU64, Cell<u64>),
    /// Used as a cell is read, ended as it is written: what is not ordered is found in any order.
    Lifetime(loom::cell::UnsafeCell<()>),
}

impl Object {
    /// Must be called on the stack of the creating thread: loom takes the creation for a write.
    pub fn new(kind: ObjectKind, init: u64, counted_arcs: bool) -> Self {
        match kind {
            ObjectKind::Atomic { width, .. } => {
                Object::Atomic(RefCell::new(Word::new(width, init)), Cell::new(init))
            }
            ObjectKind::Cell => Object::Cell(loom::cell::UnsafeCell::new(()), RefCell::default()),
            ObjectKind::Mutex => Object::Mutex(loom::sync::Mutex::new(()), Cell::new(None)),
            ObjectKind::RwLock => Object::RwLock(loom::sync::RwLock::new(()), RefCell::default()),
            ObjectKind::Condvar => Object::Condvar(loom::sync::Condvar::new(), Cell::new(0)),
            ObjectKind::Arc if counted_arcs => Object::CountedArc(AtomicU64::new(init), Cell::new(init)),
            ObjectKind::Arc => Object::QuietArc(Cell::new(init)),
            ObjectKind::Lifetime => Object::Lifetime(loom::cell::UnsafeCell::new(())),
        }
    }
}

/// What to use instead of an operation that loom has not, or has wrongly.
pub fn refuses(op: &Op) -> Option<&'static str> {
    match op {
        Op::Choose { .. } => Some("loom has no choice of a value: use exact or shuttle for `choose`"),
        Op::Wait { timed: true, .. } | Op::Park { timed: true } => {
            Some("a timeout never fires in loom: use exact or shuttle for timed waits")
        }
        Op::TryLock { .. } | Op::TryRwLock { .. } => Some(
            "loom does not explore a try_lock that fails (tokio-rs/loom#376): use exact or shuttle, or lock()",
        ),
        _ => None,
    }
}
