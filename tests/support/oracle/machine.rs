//! A sequentially consistent machine for whole programs: every schedule of threads with branches, choices, mutexes,
//! readers-writer locks, condition variables and parking, as a search over machine states. It yields the set of
//! outcomes and the ways to stand still for ever; it knows nothing of graphs.
//!
//! Spurious wake-ups and spurious failures of weak exchanges may happen any number of times. As the engine documents of
//! itself, a timeout may twice per thread, object and call, and where a third one could come the answer is bounded; all of
//! them happen at the start of a wait. A timed wait that is not over does not count as standing
//! still; a cycle of locks and joins does, whoever waits beside it.

use super::code::{Code, compile};
use super::program::{Op, Program, Reads, Val, exchanged, outcome, with};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How nobody can move any more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Still {
    LostWakeup,
    Livelock,
    Deadlock,
}

/// What a program comes to.
#[derive(Default, Debug)]
pub struct Behaviour {
    pub outcomes: BTreeSet<String>,
    pub still: BTreeSet<Still>,
    /// Not all timeouts were tried.
    pub bounded: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Unborn,
    Code(usize),
    /// In the queue of the condition variable that its instruction names, or parked: it has chosen to wait.
    Queued(usize),
    /// Woken; must take the mutex again. Did it time out?
    Relock(usize, bool),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    at: Vec<At>,
    memory: Vec<u64>,
    cells: Vec<u64>,
    /// Who holds it.
    mutex: Vec<Option<usize>>,
    /// How often each thread reads.
    readers: Vec<Vec<u32>>,
    writer: Vec<Option<usize>>,
    token: Vec<bool>,
    reads: Vec<Reads>,
    last: Vec<u64>,
    exchanged: Vec<bool>,
    /// In a loop that watches or looks: a count, and the last value seen.
    polled: Vec<(u64, u64)>,
    /// How often each thread has timed out: on a condition variable, or (`None`) parked.
    used: Vec<BTreeMap<Option<usize>, u8>>,
    /// A wait could have timed out once more.
    capped: bool,
}

/// Everything that `p` can do; `None` if the machine has more than `budget` states.
pub fn behaviour(p: &Program, budget: usize) -> Option<Behaviour> {
    let code: Vec<Vec<Code>> = p
        .threads
        .iter()
        .map(|ops| {
            let mut c = Vec::new();
            compile(ops, &mut c);
            c
        })
        .collect();
    let (n, s) = (p.threads.len(), p.sizes());
    let mut first = State {
        at: vec![At::Unborn; n],
        memory: vec![0; s.atomics],
        cells: vec![0; s.cells],
        mutex: vec![None; s.mutexes],
        readers: vec![vec![0; n]; s.rwlocks],
        writer: vec![None; s.rwlocks],
        token: vec![false; n],
        reads: vec![Vec::new(); n],
        last: vec![0; n],
        exchanged: vec![false; n],
        polled: vec![(0, 0); n],
        used: vec![BTreeMap::new(); n],
        capped: false,
    };
    first.at[0] = At::Code(0);
    let mut b = Behaviour::default();
    let (mut seen, mut todo) = (HashSet::from([first.clone()]), vec![first]);
    while let Some(s) = todo.pop() {
        b.bounded |= s.capped;
        let mut next = Vec::new();
        (0..n).for_each(|t| steps(&code, &s, t, &mut next));
        if next.is_empty() {
            match stand_still(&code, &s) {
                Some(None) => drop(b.outcomes.insert(outcome(&s.reads, s.memory.into_iter().chain(s.cells)))),
                Some(Some(still)) => drop(b.still.insert(still)),
                None => {}
            }
        }
        todo.extend(next.into_iter().filter(|n| seen.insert(n.clone())));
        if seen.len() > budget {
            return None;
        }
    }
    Some(b)
}

/// `Some(None)`: everybody has ended. `None`: somebody's timeout has not come yet.
fn stand_still(code: &[Vec<Code>], s: &State) -> Option<Option<Still>> {
    if locked_out(code, s) {
        return Some(Some(Still::Deadlock));
    }
    let mut kind = None;
    for (t, at) in s.at.iter().enumerate() {
        let still = match *at {
            At::Unborn => continue,
            At::Code(pc) if pc == code[t].len() => continue,
            At::Code(pc) => match code[t][pc] {
                Code::Op(Op::Await { .. } | Op::Watch { .. }) => Still::Livelock,
                _ => Still::Deadlock,
            },
            At::Queued(pc) => match code[t][pc] {
                Code::Op(Op::Wait { timed: true, .. } | Op::Park { timed: true }) => return None,
                _ => Still::LostWakeup,
            },
            At::Relock(..) => Still::Deadlock,
        };
        kind = Some(kind.map_or(still, |k| still.min(k)));
    }
    Some(kind)
}

/// Are there threads that nothing sets free: each in front of a lock that one of them holds, or has ended with, or of
/// the end of one of them?
fn locked_out(code: &[Vec<Code>], s: &State) -> bool {
    let readers = |l: usize| (0..s.at.len()).filter(move |&t| s.readers[l][t] > 0);
    let waits_for = |t: usize| -> Vec<usize> {
        let op = match s.at[t] {
            At::Code(pc) => code[t].get(pc),
            At::Relock(pc, _) => match code[t][pc] {
                Code::Op(Op::Wait { m, .. }) => return s.mutex[m].into_iter().collect(),
                _ => None,
            },
            At::Unborn | At::Queued(_) => None,
        };
        match op {
            Some(Code::Op(Op::Lock(m))) => s.mutex[*m].into_iter().collect(),
            Some(Code::Op(Op::Read(l))) => s.writer[*l].into_iter().collect(),
            Some(Code::Op(Op::Write(l))) => s.writer[*l].into_iter().chain(readers(*l)).collect(),
            Some(Code::Op(Op::Join(c))) => vec![*c],
            _ => Vec::new(),
        }
    };
    let ended = |t: usize| s.at[t] == At::Code(code[t].len());
    // Waiting for each other as long as anybody is left.
    let mut left: BTreeSet<usize> = (0..s.at.len()).collect();
    loop {
        let free = |t: &usize| !waits_for(*t).iter().any(|o| left.contains(o) || ended(*o));
        let Some(t) = left.iter().copied().find(free) else { return !left.is_empty() };
        left.remove(&t);
    }
}

/// Every state to which a step of `t` leads.
fn steps(code: &[Vec<Code>], s: &State, t: usize, out: &mut Vec<State>) {
    let pc = match s.at[t] {
        At::Unborn => return,
        At::Queued(pc) => {
            if matches!(code[t][pc], Code::Op(Op::Park { .. })) && s.token[t] {
                let mut n = s.clone();
                n.token[t] = false;
                n.proceed(code, t, pc + 1);
                out.push(n);
            }
            return;
        }
        At::Relock(pc, timed_out) => {
            let Code::Op(Op::Wait { m, timed, .. }) = code[t][pc] else { unreachable!("it was a wait") };
            if s.mutex[m].is_none() {
                let mut n = s.clone();
                n.mutex[m] = Some(t);
                if timed {
                    n.read(t, timed_out as u64);
                }
                n.proceed(code, t, pc + 1);
                out.push(n);
            }
            return;
        }
        At::Code(pc) => pc,
    };
    let Some(c) = code[t].get(pc) else { return };
    let mut n = s.clone();
    match c {
        &Code::Exchange { x, weak } => {
            let v = n.memory[x];
            let matches = v == n.last[t];
            for ok in if matches && weak { vec![true, false] } else { vec![matches] } {
                let mut n = n.clone();
                n.memory[x] += ok as u64;
                n.reads[t].push(exchanged(v, ok));
                (n.last[t], n.exchanged[t]) = (v, ok);
                n.proceed(code, t, pc + 1);
                out.push(n);
            }
        }
        &Code::GatherOr { x, to } => {
            let v = n.memory[x];
            if v == n.last[t] {
                let mut n = n.clone();
                n.memory[x] += 1;
                let failed = std::mem::take(&mut n.polled[t].0);
                n.read(t, failed);
                n.proceed(code, t, pc + 1);
                out.push(n);
                let mut failed = s.clone();
                failed.polled[t].0 = with(failed.polled[t].0, v);
                failed.proceed(code, t, to);
                return out.push(failed);
            }
            n.proceed(code, t, to);
            out.push(n);
        }
        Code::Try { op, otherwise } => {
            let free = n.acquire(t, op);
            n.read(t, free as u64);
            n.proceed(code, t, if free { pc + 1 } else { *otherwise });
            out.push(n);
        }
        Code::Op(op) => operation(code, s, t, pc, op, out),
        Code::Unless { .. } | Code::IfExchanged { .. } | Code::Jump { .. } => {
            unreachable!("`proceed` goes past these")
        }
    }
}

fn operation(code: &[Vec<Code>], s: &State, t: usize, pc: usize, op: &Op, out: &mut Vec<State>) {
    let mut n = s.clone();
    let early = |n: &State, out: &mut Vec<State>, f: &dyn Fn(&mut State)| {
        let mut next = n.clone();
        f(&mut next);
        out.push(next);
    };
    // False if it could once more.
    let times_out = |n: &State, at: Option<usize>, out: &mut Vec<State>, f: &dyn Fn(&mut State)| {
        let used = n.used[t].get(&at).copied().unwrap_or(0);
        if used < 2 {
            early(n, out, &|n| {
                n.used[t].insert(at, used + 1);
                f(n);
            });
        }
        used < 2
    };
    match *op {
        Op::Load(x, _) | Op::PlainLoad(x) => n.read(t, s.memory[x]),
        Op::CellRead(c) => n.read(t, s.cells[c]),
        Op::Store(x, Val::Is(v), _) | Op::PlainStore(x, v) => n.memory[x] = v,
        Op::Store(x, Val::Last, _) => n.memory[x] = s.last[t],
        Op::CellWrite(c, v) => n.cells[c] = v,
        Op::Add(x, d, _) => {
            n.read(t, s.memory[x]);
            n.memory[x] += d;
        }
        Op::Swap(x, v, _) => {
            n.read(t, s.memory[x]);
            n.memory[x] = v;
        }
        Op::Cas { x, expected, new, weak, .. } => {
            let v = s.memory[x];
            if weak && v == expected {
                early(s, out, &|n| {
                    n.reads[t].push(exchanged(v, false));
                    n.last[t] = v;
                    n.proceed(code, t, pc + 1);
                });
            }
            if v == expected {
                n.memory[x] = new;
            }
            n.reads[t].push(exchanged(v, v == expected));
            n.last[t] = v;
        }
        Op::Fence(_) => {}
        Op::Lock(_) | Op::Read(_) | Op::Write(_) => {
            if !n.acquire(t, op) {
                return;
            }
        }
        Op::Unlock(m) => n.mutex[m] = None,
        Op::ReadEnd(l) => n.readers[l][t] -= 1,
        Op::WriteEnd(l) => n.writer[l] = None,
        Op::Spawn(c) => n.proceed(code, c, 0),
        Op::Join(c) => {
            if s.at[c] != At::Code(code[c].len()) {
                return;
            }
        }
        Op::Await { x, value, .. } => {
            if s.memory[x] != value {
                return;
            }
            n.read(t, value);
        }
        Op::Watch { x, value, .. } => {
            let (v, (changes, last)) = (s.memory[x], s.polled[t]);
            if v != value && v == last {
                return; // nothing is new
            }
            if v != value {
                n.polled[t] = (changes + 1, v);
                return out.push(n);
            }
            n.polled[t] = (0, 0);
            n.read(t, changes);
        }
        Op::Look { x, value, rounds, .. } => {
            let vain = s.polled[t].0;
            if vain < rounds as u64 && s.memory[x] != value {
                n.polled[t].0 += 1;
                return out.push(n);
            }
            n.polled[t] = (0, 0);
            n.read(t, vain);
        }
        Op::Choose(k) => {
            for c in 0..k as u64 {
                let mut n = s.clone();
                n.read(t, c);
                n.proceed(code, t, pc + 1);
                out.push(n);
            }
            return;
        }
        Op::Wait { cv, m, timed } => {
            n.mutex[m] = None;
            early(&n, out, &|n| n.at[t] = At::Relock(pc, false));
            if timed {
                n.capped |= !times_out(&n, Some(cv), out, &|n| n.at[t] = At::Relock(pc, true));
            }
            n.at[t] = At::Queued(pc);
            return out.push(n);
        }
        Op::Notify { cv, all } => {
            let waits = |o: usize| match s.at[o] {
                At::Queued(pc) => matches!(code[o][pc], Code::Op(Op::Wait { cv: c, .. }) if c == cv),
                _ => false,
            };
            let queued: Vec<usize> = (0..s.at.len()).filter(|&o| waits(o)).collect();
            n.proceed(code, t, pc + 1);
            if all || queued.is_empty() {
                queued.iter().for_each(|&o| n.wake(o));
                return out.push(n);
            }
            for o in queued {
                let mut n = n.clone();
                n.wake(o);
                out.push(n);
            }
            return;
        }
        Op::Park { timed } => {
            early(s, out, &|n| n.proceed(code, t, pc + 1));
            if timed {
                n.capped |= !times_out(s, None, out, &|n| n.proceed(code, t, pc + 1));
            }
            n.at[t] = At::Queued(pc);
            return out.push(n);
        }
        Op::Unpark(o) => n.token[o] = true,
        Op::Gather { x, .. } => n.last[t] = s.memory[x],
        Op::WaitFor { x, value, .. } => {
            let (v, waited) = (s.memory[x], s.polled[t].0);
            if v != value {
                n.polled[t].0 = with(waited, v);
            } else {
                n.polled[t].0 = 0;
                n.read(t, waited);
                n.proceed(code, t, pc + 3);
                return out.push(n);
            }
        }
        Op::If { .. } | Op::Increment { .. } => unreachable!("compiled"),
        Op::TryLock { .. } | Op::TryRead { .. } | Op::TryWrite { .. } => unreachable!("compiled"),
    }
    n.proceed(code, t, pc + 1);
    out.push(n);
}

impl State {
    fn read(&mut self, t: usize, v: u64) {
        self.reads[t].push(v);
        self.last[t] = v;
    }

    fn wake(&mut self, t: usize) {
        if let At::Queued(pc) = self.at[t] {
            self.at[t] = At::Relock(pc, false);
        }
    }

    /// `t` takes a lock if that is possible now.
    fn acquire(&mut self, t: usize, op: &Op) -> bool {
        match *op {
            Op::Lock(m) | Op::TryLock { m, .. } => {
                let free = self.mutex[m].is_none();
                self.mutex[m].get_or_insert(t);
                free
            }
            Op::Read(l) | Op::TryRead { l, .. } => {
                let free = self.writer[l].is_none();
                self.readers[l][t] += u32::from(free);
                free
            }
            Op::Write(l) | Op::TryWrite { l, .. } => {
                let free = self.writer[l].is_none() && self.readers[l].iter().all(|&n| n == 0);
                if free {
                    self.writer[l] = Some(t);
                }
                free
            }
            _ => unreachable!("acquires nothing"),
        }
    }

    /// `t` goes on at `pc`, past everything that is no step.
    fn proceed(&mut self, code: &[Vec<Code>], t: usize, mut pc: usize) {
        loop {
            pc = match code[t].get(pc) {
                Some(Code::Jump { to }) => *to,
                Some(Code::Unless { is, to }) if self.last[t] != *is => *to,
                Some(Code::IfExchanged { to }) if self.exchanged[t] => *to,
                Some(Code::Unless { .. } | Code::IfExchanged { .. }) => pc + 1,
                _ => break,
            };
        }
        self.at[t] = At::Code(pc);
    }
}
