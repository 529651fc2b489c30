//! Small concurrent programs as data, so that the engine and the oracles can be given the same one, and so that a
//! failing one can be made smaller and printed. What a program *means* is said elsewhere: once by each oracle,
//! once by the facade's interpreter.

use std::fmt;
pub use std::sync::atomic::Ordering;

/// What a store writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Val {
    /// A constant.
    Is(u64),
    /// The value that the thread read last (0 before any).
    Last,
}

/// One operation. Indices name atomics, cells, locks, condition variables and threads, each from 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    Load(usize, Ordering),
    Store(usize, Val, Ordering),
    Add(usize, u64, Ordering),
    Swap(usize, u64, Ordering),
    Cas {
        x: usize,
        expected: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
        weak: bool,
    },
    Fence(Ordering),
    /// Plain accesses to an atomic.
    PlainLoad(usize),
    PlainStore(usize, u64),
    CellRead(usize),
    CellWrite(usize, u64),
    Lock(usize),
    Unlock(usize),
    Spawn(usize),
    Join(usize),

    // What follows is not straight-line.
    /// A read, and what is done if its value is, or is not, this one.
    If {
        read: Box<Op>,
        is: u64,
        then: Vec<Op>,
        other: Vec<Op>,
    },
    /// Load, then exchange for one more, until that succeeds: at most so many times.
    Increment {
        x: usize,
        tries: u32,
        success: Ordering,
        failure: Ordering,
        weak: bool,
    },
    /// The same with a weak exchange, as often as it takes; tells which values it has failed on by itself.
    Gather {
        x: usize,
        success: Ordering,
        failure: Ordering,
    },
    /// Waits until the value is this one: with `spin_until`, or in a loop written by hand.
    Await {
        x: usize,
        value: u64,
        order: Ordering,
        by_hand: bool,
    },
    /// Polls by hand until the value is this one, counts how often it changes meanwhile, and tells the number.
    Watch {
        x: usize,
        value: u64,
        order: Ordering,
    },
    /// Polls by hand until the value is this one or that many looks were in vain; tells the number of those.
    Look {
        x: usize,
        value: u64,
        order: Ordering,
        rounds: u32,
    },
    Choose(u32),
    Read(usize),
    ReadEnd(usize),
    Write(usize),
    WriteEnd(usize),
    TryLock {
        m: usize,
        body: Vec<Op>,
    },
    TryRead {
        l: usize,
        body: Vec<Op>,
    },
    TryWrite {
        l: usize,
        body: Vec<Op>,
    },
    Wait {
        cv: usize,
        m: usize,
        timed: bool,
    },
    /// Waits while the value is not this one; tells which others it has waited at.
    WaitFor {
        cv: usize,
        m: usize,
        x: usize,
        value: u64,
    },
    Notify {
        cv: usize,
        all: bool,
    },
    Park {
        timed: bool,
    },
    Unpark(usize),
}

impl Op {
    /// The operations inside it.
    pub fn bodies(&self) -> Vec<&Vec<Op>> {
        match self {
            Op::If { then, other, .. } => vec![then, other],
            Op::TryLock { body, .. } | Op::TryRead { body, .. } | Op::TryWrite { body, .. } => vec![body],
            _ => Vec::new(),
        }
    }
    pub fn bodies_mut(&mut self) -> Vec<&mut Vec<Op>> {
        match self {
            Op::If { then, other, .. } => vec![then, other],
            Op::TryLock { body, .. } | Op::TryRead { body, .. } | Op::TryWrite { body, .. } => vec![body],
            _ => Vec::new(),
        }
    }
}

/// A program. Thread 0 is the scenario's own; it, or another, spawns and joins each of the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    pub threads: Vec<Vec<Op>>,
}

/// What a thread read, in order; and the outcome of an execution: all of that with the final values.
pub type Reads = Vec<u64>;

/// A set of values, of those that were seen.
pub fn with(set: u64, v: u64) -> u64 {
    set | 1 << v.min(63)
}

/// A compare-and-exchange tells what it read and whether it exchanged.
pub fn exchanged(old: u64, ok: bool) -> u64 {
    old << 1 | ok as u64
}

/// The outcome, as a word.
pub fn outcome(reads: &[Reads], finals: impl IntoIterator<Item = u64>) -> String {
    let list = |l: &mut dyn Iterator<Item = u64>| l.map(|v| v.to_string()).collect::<Vec<_>>().join(",");
    let threads: Vec<String> = reads.iter().map(|r| list(&mut r.iter().copied())).collect();
    format!("{} | {}", threads.join(" / "), list(&mut finals.into_iter()))
}

/// How many there are of everything.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sizes {
    pub atomics: usize,
    pub cells: usize,
    pub mutexes: usize,
    pub rwlocks: usize,
    pub condvars: usize,
}

impl Program {
    /// Threads 1.. on `bodies`, spawned by thread 0 at once and then joined.
    pub fn of(bodies: Vec<Vec<Op>>) -> Program {
        let n = bodies.len();
        let main = (1..=n).map(Op::Spawn).chain((1..=n).map(Op::Join)).collect();
        Program { threads: std::iter::once(main).chain(bodies).collect() }
    }

    /// Every operation, outermost first.
    pub fn each(&self, f: &mut dyn FnMut(usize, &Op)) {
        fn walk(t: usize, ops: &[Op], f: &mut dyn FnMut(usize, &Op)) {
            for op in ops {
                f(t, op);
                if let Op::If { read, .. } = op {
                    f(t, read);
                }
                op.bodies().into_iter().for_each(|b| walk(t, b, f));
            }
        }
        self.threads.iter().enumerate().for_each(|(t, ops)| walk(t, ops, f));
    }

    pub fn any(&self, f: impl Fn(&Op) -> bool) -> bool {
        let mut found = false;
        self.each(&mut |_, op| found |= f(op));
        found
    }

    pub fn count(&self, f: impl Fn(&Op) -> bool) -> usize {
        let mut n = 0;
        self.each(&mut |_, op| n += f(op) as usize);
        n
    }

    pub fn sizes(&self) -> Sizes {
        use Op::*;
        let mut s = Sizes::default();
        let at_least = |n: &mut usize, i: usize| *n = (*n).max(i + 1);
        self.each(&mut |_, op| match *op {
            Load(x, _) | Store(x, _, _) | Add(x, _, _) | Swap(x, _, _) | PlainLoad(x) | PlainStore(x, _) => {
                at_least(&mut s.atomics, x)
            }
            Cas { x, .. } | Increment { x, .. } | Gather { x, .. } | Await { x, .. } => {
                at_least(&mut s.atomics, x)
            }
            Watch { x, .. } | Look { x, .. } => at_least(&mut s.atomics, x),
            CellRead(c) | CellWrite(c, _) => at_least(&mut s.cells, c),
            Lock(m) | Unlock(m) | TryLock { m, .. } => at_least(&mut s.mutexes, m),
            Read(l) | ReadEnd(l) | Write(l) | WriteEnd(l) => at_least(&mut s.rwlocks, l),
            TryRead { l, .. } | TryWrite { l, .. } => at_least(&mut s.rwlocks, l),
            Wait { cv, m, .. } => {
                at_least(&mut s.condvars, cv);
                at_least(&mut s.mutexes, m);
            }
            WaitFor { cv, m, x, .. } => {
                at_least(&mut s.condvars, cv);
                at_least(&mut s.mutexes, m);
                at_least(&mut s.atomics, x);
            }
            Notify { cv, .. } => at_least(&mut s.condvars, cv),
            Fence(_) | Spawn(_) | Join(_) | If { .. } | Choose(_) | Park { .. } | Unpark(_) => {}
        });
        s
    }

    /// Does it make sense: threads spawned once and joined by their spawner, locks released by their holder?
    pub fn valid(&self) -> bool {
        let mut spawned = vec![0; self.threads.len()];
        spawned[0] = 1;
        for ops in &self.threads {
            let mut running = Vec::new();
            for op in ops {
                match *op {
                    Op::Spawn(t) => {
                        running.push(t);
                        spawned[t] += 1;
                    }
                    Op::Join(t) => match running.iter().position(|&r| r == t) {
                        Some(i) => drop(running.remove(i)),
                        None => return false,
                    },
                    _ => {}
                }
            }
            if !running.is_empty() {
                return false;
            }
        }
        let used = |t: usize| spawned[t] == 1 || spawned[t] == 0 && self.threads[t].is_empty();
        let known = !self.any(|op| matches!(*op, Op::Unpark(t) if spawned[t] == 0));
        known && (0..self.threads.len()).all(used) && self.threads.iter().all(|ops| balanced(ops, &[]))
    }
}

/// Are the locks that these operations take released by them, and nothing else, with `held` on entry?
fn balanced(ops: &[Op], outer: &[(u8, usize)]) -> bool {
    let mut held: Vec<(u8, usize)> = Vec::new();
    for op in ops {
        let take = |held: &mut Vec<(u8, usize)>, k: (u8, usize)| {
            let free = !held.contains(&k) && !outer.contains(&k);
            held.push(k);
            free
        };
        let give = |held: &mut Vec<(u8, usize)>, k: (u8, usize)| match held.iter().position(|&h| h == k) {
            Some(i) => {
                held.remove(i);
                true
            }
            None => false,
        };
        let good = match *op {
            Op::Lock(m) => take(&mut held, (0, m)),
            Op::Unlock(m) => give(&mut held, (0, m)),
            Op::Read(l) | Op::Write(l) => take(&mut held, (1, l)),
            Op::ReadEnd(l) | Op::WriteEnd(l) => give(&mut held, (1, l)),
            Op::Wait { m, .. } | Op::WaitFor { m, .. } => held.contains(&(0, m)) || outer.contains(&(0, m)),
            _ => {
                let mut inside: Vec<_> = outer.iter().chain(&held).copied().collect();
                match *op {
                    Op::TryLock { m, .. } => inside.push((0, m)),
                    Op::TryRead { l, .. } | Op::TryWrite { l, .. } => inside.push((1, l)),
                    _ => {}
                }
                op.bodies().into_iter().all(|b| balanced(b, &inside))
            }
        };
        if !good {
            return false;
        }
    }
    held.is_empty()
}

fn name(x: usize) -> char {
    (b'x' + x as u8) as char
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let block = |b: &[Op]| b.iter().map(|o| o.to_string()).collect::<Vec<_>>().join("; ");
        match self {
            Op::Load(x, o) => write!(f, "{}.load({o:?})", name(*x)),
            Op::Store(x, Val::Is(v), o) => write!(f, "{}.store({v}, {o:?})", name(*x)),
            Op::Store(x, Val::Last, o) => write!(f, "{}.store(last, {o:?})", name(*x)),
            Op::Add(x, v, o) => write!(f, "{}.fetch_add({v}, {o:?})", name(*x)),
            Op::Swap(x, v, o) => write!(f, "{}.swap({v}, {o:?})", name(*x)),
            Op::Cas { x, expected, new, success, failure, weak } => {
                let weak = if *weak { "_weak" } else { "" };
                write!(f, "{}.cas{weak}({expected}, {new}, {success:?}, {failure:?})", name(*x))
            }
            Op::Fence(o) => write!(f, "fence({o:?})"),
            Op::PlainLoad(x) => write!(f, "{}.unsync_load()", name(*x)),
            Op::PlainStore(x, v) => write!(f, "{}.with_mut(= {v})", name(*x)),
            Op::CellRead(c) => write!(f, "cell{c}.read()"),
            Op::CellWrite(c, v) => write!(f, "cell{c}.write({v})"),
            Op::Lock(m) => write!(f, "m{m}.lock()"),
            Op::Unlock(m) => write!(f, "m{m}.unlock()"),
            Op::Spawn(t) => write!(f, "spawn({t})"),
            Op::Join(t) => write!(f, "join({t})"),
            Op::If { read, is, then, other } => {
                write!(f, "if {read} == {is} {{ {} }} else {{ {} }}", block(then), block(other))
            }
            Op::Increment { x, tries, success, failure, weak } => {
                let weak = if *weak { "_weak" } else { "" };
                write!(f, "{}.increment{weak}({tries} tries, {success:?}, {failure:?})", name(*x))
            }
            Op::Gather { x, success, failure } => write!(f, "{}.gather({success:?}, {failure:?})", name(*x)),
            Op::Await { x, value, order, by_hand } => {
                let how = if *by_hand { "while_not" } else { "spin_until" };
                write!(f, "{how}({}.load({order:?}) == {value})", name(*x))
            }
            Op::Watch { x, value, order } => write!(f, "watch({}.load({order:?}) == {value})", name(*x)),
            Op::Look { x, value, order, rounds } => {
                write!(f, "look({}.load({order:?}) == {value}, {rounds} rounds)", name(*x))
            }
            Op::Choose(n) => write!(f, "choose({n})"),
            Op::Read(l) => write!(f, "rw{l}.read()"),
            Op::ReadEnd(l) => write!(f, "rw{l}.end_read()"),
            Op::Write(l) => write!(f, "rw{l}.write()"),
            Op::WriteEnd(l) => write!(f, "rw{l}.end_write()"),
            Op::TryLock { m, body } => write!(f, "if m{m}.try_lock() {{ {} }}", block(body)),
            Op::TryRead { l, body } => write!(f, "if rw{l}.try_read() {{ {} }}", block(body)),
            Op::TryWrite { l, body } => write!(f, "if rw{l}.try_write() {{ {} }}", block(body)),
            Op::Wait { cv, m, timed } => {
                write!(f, "cv{cv}.{}(m{m})", if *timed { "wait_for" } else { "wait" })
            }
            Op::WaitFor { cv, m, x, value } => {
                write!(f, "while {}.load(Relaxed) != {value} {{ cv{cv}.wait(m{m}) }}", name(*x))
            }
            Op::Notify { cv, all } => {
                write!(f, "cv{cv}.{}()", if *all { "notify_all" } else { "notify_one" })
            }
            Op::Park { timed } => f.write_str(if *timed { "park_timeout()" } else { "park()" }),
            Op::Unpark(t) => write!(f, "unpark({t})"),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (t, ops) in self.threads.iter().enumerate().filter(|(_, ops)| !ops.is_empty()) {
            writeln!(f, "  thread {t}:")?;
            ops.iter().try_for_each(|op| writeln!(f, "    {op}"))?;
        }
        Ok(())
    }
}
