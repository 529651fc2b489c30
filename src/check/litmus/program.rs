//! A litmus program as data: threads of operations on a few words, so that one interpreter runs it under every
//! engine, an oracle can enumerate it, and a table can print it.

use crate::check::event::order;
use crate::sync::Ordering;
use std::fmt;

/// A shared word, 0 at first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Loc {
    /// `x`.
    X,
    /// `y`.
    Y,
    /// `z`.
    Z,
}

/// All words, by index.
pub const LOCS: [Loc; 3] = [Loc::X, Loc::Y, Loc::Z];

/// What a thread does. Whatever reads fills the program's next register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// An atomic store.
    Store(Loc, u8, Ordering),
    /// An atomic load.
    Load(Loc, Ordering),
    /// `fetch_add`; reads the old value.
    Add(Loc, u8, Ordering),
    /// `swap`; reads the old value.
    Swap(Loc, u8, Ordering),
    /// `compare_exchange`; reads the old value, or fails spuriously.
    Cas {
        /// The word.
        at: Loc,
        /// Exchanged if it holds this.
        expected: u8,
        /// For this.
        new: u8,
        /// Ordering of the exchange.
        success: Ordering,
        /// Ordering of the load, if there is no exchange.
        failure: Ordering,
        /// May fail although the value is as expected.
        weak: bool,
    },
    /// A fence.
    Fence(Ordering),
    /// A plain write to the one cell, `c`.
    Put(u8),
    /// A plain read of it.
    Get,
}

/// An operation, and on what it depends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instr {
    /// What is done.
    pub op: Op,
    /// Only if this register of the same thread, by its number in the program, holds this.
    pub only_if: Option<(u8, u8)>,
}

impl Instr {
    const fn of(op: Op) -> Instr {
        Instr { op, only_if: None }
    }

    /// The same, if register `reg` holds `value`. A register that is not filled prints as `-`.
    pub const fn when(self, reg: u8, value: u8) -> Instr {
        Instr { only_if: Some((reg, value)), ..self }
    }

    /// Does it fill a register?
    pub const fn reads(&self) -> bool {
        matches!(self.op, Op::Load(..) | Op::Add(..) | Op::Swap(..) | Op::Cas { .. } | Op::Get)
    }
}

/// Threads, each a list of operations.
pub type Threads = &'static [&'static [Instr]];

/// Registers of the program, and of each thread: numbered thread by thread, in program order.
pub fn registers(threads: Threads) -> Vec<usize> {
    threads.iter().map(|t| t.iter().filter(|i| i.reads()).count()).collect()
}

/// Short names for the tables of tests.
pub(super) mod words {
    use super::{Instr, Loc, Op, Ordering};

    pub const X: Loc = Loc::X;
    pub const Y: Loc = Loc::Y;
    pub const Z: Loc = Loc::Z;
    pub const RLX: Ordering = Ordering::Relaxed;
    pub const ACQ: Ordering = Ordering::Acquire;
    pub const REL: Ordering = Ordering::Release;
    pub const AR: Ordering = Ordering::AcqRel;
    pub const SC: Ordering = Ordering::SeqCst;

    pub const fn st(at: Loc, value: u8, order: Ordering) -> Instr {
        Instr::of(Op::Store(at, value, order))
    }
    pub const fn ld(at: Loc, order: Ordering) -> Instr {
        Instr::of(Op::Load(at, order))
    }
    pub const fn add(at: Loc, by: u8, order: Ordering) -> Instr {
        Instr::of(Op::Add(at, by, order))
    }
    pub const fn swap(at: Loc, value: u8, order: Ordering) -> Instr {
        Instr::of(Op::Swap(at, value, order))
    }
    pub const fn cas(at: Loc, expected: u8, new: u8, success: Ordering, failure: Ordering) -> Instr {
        Instr::of(Op::Cas { at, expected, new, success, failure, weak: false })
    }
    pub const fn weak_cas(at: Loc, expected: u8, new: u8, success: Ordering, failure: Ordering) -> Instr {
        Instr::of(Op::Cas { at, expected, new, success, failure, weak: true })
    }
    pub const fn fence(order: Ordering) -> Instr {
        Instr::of(Op::Fence(order))
    }
    pub const fn put(value: u8) -> Instr {
        Instr::of(Op::Put(value))
    }
    pub const fn get() -> Instr {
        Instr::of(Op::Get)
    }
}

impl fmt::Display for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loc::X => "x",
            Loc::Y => "y",
            Loc::Z => "z",
        })
    }
}

/// `x=1.rel`, `y.acq`, `x+1.rlx`, `x<-1.acqrel`, `x:0->1.acq/rlx`, `fence.sc`, `c=1`, `c`; `r0==1? c`.
impl fmt::Display for Instr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((reg, value)) = self.only_if {
            write!(f, "r{reg}=={value}? ")?;
        }
        match self.op {
            Op::Store(at, value, o) => write!(f, "{at}={value}.{}", order(o)),
            Op::Load(at, o) => write!(f, "{at}.{}", order(o)),
            Op::Add(at, by, o) => write!(f, "{at}+{by}.{}", order(o)),
            Op::Swap(at, value, o) => write!(f, "{at}<-{value}.{}", order(o)),
            Op::Cas { at, expected, new, success, failure, weak } => {
                let weak = if weak { "?" } else { "" };
                write!(f, "{at}:{expected}->{new}{weak}.{}/{}", order(success), order(failure))
            }
            Op::Fence(o) => write!(f, "fence.{}", order(o)),
            Op::Put(value) => write!(f, "c={value}"),
            Op::Get => write!(f, "c"),
        }
    }
}

/// The program on one line, threads side by side: `x=1.rlx; y=1.rel || r0=y.acq; r1=x.rlx`.
pub fn source(threads: Threads) -> String {
    let mut next = 0;
    let mut instr = |i: &Instr| {
        if !i.reads() {
            return i.to_string();
        }
        next += 1;
        let (guard, op) = match i.only_if {
            Some((reg, value)) => (format!("r{reg}=={value}? "), Instr::of(i.op).to_string()),
            None => (String::new(), i.to_string()),
        };
        format!("{guard}r{}={op}", next - 1)
    };
    let lines: Vec<String> =
        threads.iter().map(|t| t.iter().map(&mut instr).collect::<Vec<_>>().join("; ")).collect();
    lines.join(" || ")
}
