//! Candidate executions of a straight-line program: its events, and every way to choose where each read reads from
//! and in which order the sections of each mutex come. Which of them are allowed is for `axioms` to say.

use super::axioms::{Key, permutations};
use super::program::{Op, Ordering, Program, Reads, Val, exchanged};
use super::relation::{Rel, Set};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Read,
    Write,
    Fence,
    Begin,
    End,
    Spawn(usize),
    Join(usize),
    Lock(usize),
    Unlock(usize),
}

/// How an access or a fence is marked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Plain,
    Relaxed,
    Acquire,
    Release,
    AcqRel,
    SeqCst,
}

impl Mode {
    pub fn acquires(self) -> bool {
        matches!(self, Mode::Acquire | Mode::AcqRel | Mode::SeqCst)
    }
    pub fn releases(self) -> bool {
        matches!(self, Mode::Release | Mode::AcqRel | Mode::SeqCst)
    }
}

fn mode(o: Ordering) -> Mode {
    match o {
        Ordering::Relaxed => Mode::Relaxed,
        Ordering::Acquire => Mode::Acquire,
        Ordering::Release => Mode::Release,
        Ordering::AcqRel => Mode::AcqRel,
        _ => Mode::SeqCst,
    }
}

/// An event, as far as the program alone determines it.
pub struct Event {
    pub t: usize,
    /// Position of its operation in its thread.
    pub at: usize,
    pub kind: Kind,
    /// Atomics first, then cells.
    pub loc: Option<usize>,
    pub mode: Mode,
    /// The write of a read-modify-write; its read is the event before.
    pub second_half: bool,
}

/// What all candidates of a program share.
pub struct Skeleton<'p> {
    program: &'p Program,
    pub events: Vec<Event>,
    pub po: Rel,
    /// Spawn to begin, end to join.
    pub threads: Rel,
    pub reads: Vec<usize>,
    /// Writes by location.
    pub writes: Vec<Vec<usize>>,
    /// For each read, what it may read from.
    sources: Vec<Vec<Option<usize>>>,
    /// Sections (lock, unlock) by mutex; one that a cut-off program does not end has no unlock.
    locks: Vec<Vec<(usize, Option<usize>)>>,
}

/// One way to choose.
pub struct Candidate {
    /// By read; `None` is the initial value.
    pub sources: Vec<Option<usize>>,
    /// By mutex, indices of its sections in order.
    orders: Vec<Vec<usize>>,
}

/// What a candidate's operations read and write.
pub struct Values {
    pub reads: Vec<Reads>,
    /// By event, written or read.
    pub value: Vec<u64>,
    /// By event; a failed exchange reads with its failure ordering.
    pub mode: Vec<Mode>,
    dead: Set,
}

impl Values {
    /// The write half of a failed exchange is not.
    pub fn alive(&self, i: usize) -> bool {
        self.dead >> i & 1 == 0
    }
}

impl<'p> Skeleton<'p> {
    pub fn of(program: &'p Program) -> Skeleton<'p> {
        let atomics = program.sizes().atomics;
        let mut events = Vec::new();
        for (t, ops) in program.threads.iter().enumerate() {
            let mut push = |at: usize, kind: Kind, loc: Option<usize>, mode: Mode, second_half: bool| {
                events.push(Event { t, at, kind, loc, mode, second_half })
            };
            push(usize::MAX, Kind::Begin, None, Mode::Plain, false);
            for (at, op) in ops.iter().enumerate() {
                match *op {
                    Op::Load(x, o) => push(at, Kind::Read, Some(x), mode(o), false),
                    Op::Store(x, _, o) => push(at, Kind::Write, Some(x), mode(o), false),
                    Op::Add(x, _, o) | Op::Swap(x, _, o) | Op::Cas { x, success: o, .. } => {
                        push(at, Kind::Read, Some(x), mode(o), false);
                        push(at, Kind::Write, Some(x), mode(o), true);
                    }
                    Op::Fence(o) => push(at, Kind::Fence, None, mode(o), false),
                    Op::PlainLoad(x) => push(at, Kind::Read, Some(x), Mode::Plain, false),
                    Op::PlainStore(x, _) => push(at, Kind::Write, Some(x), Mode::Plain, false),
                    Op::CellRead(c) => push(at, Kind::Read, Some(atomics + c), Mode::Plain, false),
                    Op::CellWrite(c, _) => push(at, Kind::Write, Some(atomics + c), Mode::Plain, false),
                    Op::Lock(m) => push(at, Kind::Lock(m), None, Mode::Plain, false),
                    Op::Unlock(m) => push(at, Kind::Unlock(m), None, Mode::Plain, false),
                    Op::Spawn(t) => push(at, Kind::Spawn(t), None, Mode::Plain, false),
                    Op::Join(t) => push(at, Kind::Join(t), None, Mode::Plain, false),
                    ref op => panic!("{op} is not straight-line"),
                }
            }
            push(usize::MAX, Kind::End, None, Mode::Plain, false);
        }
        let n = events.len();
        let (mut po, mut threads) = (Rel::empty(n), Rel::empty(n));
        for i in 0..n {
            (i + 1..n).filter(|&j| events[j].t == events[i].t).for_each(|j| po.add(i, j));
            let find = |kind: Kind, t: usize| events.iter().position(|e| e.t == t && e.kind == kind);
            match events[i].kind {
                Kind::Spawn(t) => threads.add(i, find(Kind::Begin, t).expect("every thread begins")),
                Kind::Join(t) => threads.add(find(Kind::End, t).expect("every thread ends"), i),
                _ => {}
            }
        }
        let of_kind = |k: Kind, x: usize| {
            (0..n).filter(|&i| events[i].kind == k && events[i].loc == Some(x)).collect::<Vec<_>>()
        };
        let locations = atomics + program.sizes().cells;
        let writes: Vec<Vec<usize>> = (0..locations).map(|x| of_kind(Kind::Write, x)).collect();
        let reads: Vec<usize> = (0..n).filter(|&i| events[i].kind == Kind::Read).collect();
        let sources = reads.iter().map(|&r| {
            let all = events[r].loc.map_or(&[][..], |x| &writes[x]);
            let could = all.iter().filter(|&&w| events[w].t != events[r].t || w < r);
            std::iter::once(None).chain(could.map(|&w| Some(w))).collect()
        });
        let locks = (0..program.sizes().mutexes).map(|m| {
            let begins = (0..n).filter(|&i| events[i].kind == Kind::Lock(m));
            begins
                .map(|i| {
                    let end =
                        (i..n).find(|&j| events[j].t == events[i].t && events[j].kind == Kind::Unlock(m));
                    (i, end)
                })
                .collect()
        });
        let (sources, locks) = (sources.collect(), locks.collect());
        Skeleton { program, po, threads, reads, writes, sources, locks, events }
    }

    /// Given what each thread reads, leaves out the sources that have other values (or do not write).
    pub fn narrow(&mut self, guesses: &[Reads]) {
        let n = self.events.len();
        // Value read and written by each event, as guessed; `None` if it does not write.
        let mut next = vec![0; guesses.len()];
        let (mut read, mut written) = (vec![0; n], vec![None; n]);
        for i in 0..n {
            let e = &self.events[i];
            let Some(op) = self.program.threads[e.t].get(e.at) else { continue };
            if e.kind == Kind::Read {
                let told = guesses[e.t].get(next[e.t]).copied().unwrap_or(0);
                next[e.t] += 1;
                read[i] = if matches!(op, Op::Cas { .. }) { told >> 1 } else { told };
            }
            written[i] = match *op {
                _ if e.kind != Kind::Write => None,
                Op::Store(_, Val::Is(v), _) | Op::Swap(_, v, _) => Some(v),
                Op::PlainStore(_, v) | Op::CellWrite(_, v) => Some(v),
                Op::Cas { expected, new, .. } => (read[i - 1] == expected).then_some(new),
                Op::Add(_, d, _) => Some(read[i - 1] + d),
                ref op => panic!("the value of {op} is not known from guesses"),
            };
        }
        for (&r, sources) in self.reads.iter().zip(&mut self.sources) {
            sources.retain(|s| s.map_or(Some(0), |w| written[w]) == Some(read[r]));
        }
    }

    /// How many candidates there are, modification orders included (of all writes).
    pub fn candidates(&self) -> u64 {
        let factorial = |n: usize| (1..=n as u64).product::<u64>();
        let sources = self.sources.iter().map(|s| s.len() as u64);
        let orders = self.writes.iter().map(|w| factorial(w.len()));
        let sections = self.locks.iter().map(|l| factorial(l.len()));
        sources.chain(orders).chain(sections).fold(1, u64::saturating_mul)
    }

    /// Calls `f` with every candidate.
    pub fn each(&self, f: &mut dyn FnMut(&Candidate)) {
        self.each_order(&mut Vec::new(), f);
    }

    fn each_order(&self, orders: &mut Vec<Vec<usize>>, f: &mut dyn FnMut(&Candidate)) {
        let Some(sections) = self.locks.get(orders.len()) else {
            if self.sources.iter().any(Vec::is_empty) {
                return;
            }
            let mut picks = vec![0; self.reads.len()];
            loop {
                let sources = picks.iter().zip(&self.sources).map(|(&i, s)| s[i]).collect();
                f(&Candidate { sources, orders: orders.clone() });
                let more = (0..picks.len()).find(|&i| picks[i] + 1 < self.sources[i].len());
                let Some(i) = more else { return };
                picks[i] += 1;
                picks[..i].fill(0);
            }
        };
        let mut indices: Vec<usize> = (0..sections.len()).collect();
        let mut all = Vec::new();
        permutations(&mut indices, 0, &mut |order| {
            if order.iter().rev().skip(1).all(|&i| sections[i].1.is_some()) {
                all.push(order.to_vec());
            }
        });
        for order in all {
            orders.push(order);
            self.each_order(orders, f);
            orders.pop();
        }
    }

    /// From the end of each section to the next.
    pub fn sections(&self, c: &Candidate) -> Rel {
        let mut r = Rel::empty(self.events.len());
        for (order, sections) in c.orders.iter().zip(&self.locks) {
            for pair in order.windows(2) {
                let end = sections[pair[0]].1.expect("only the last section has no end");
                r.add(end, sections[pair[1]].0);
            }
        }
        r
    }

    /// The modification order in which a location's writes come as listed.
    pub fn mo(&self, order: &[usize]) -> Rel {
        let mut r = Rel::empty(self.events.len());
        for (i, &w) in order.iter().enumerate() {
            order[i + 1..].iter().for_each(|&later| r.add(w, later));
        }
        r
    }

    /// `rf^-1 ; mo` for that location, the initial write being first.
    pub fn rb(&self, c: &Candidate, order: &[usize], alive: Set) -> Rel {
        let mut r = Rel::empty(self.events.len());
        for (&read, source) in self.reads.iter().zip(&c.sources) {
            if order.is_empty() || self.events[read].loc != self.loc_of(order) {
                continue;
            }
            let after = source.map_or(0, |w| order.iter().position(|&o| o == w).map_or(0, |i| i + 1));
            order[after..].iter().filter(|&&w| alive >> w & 1 == 1).for_each(|&w| r.add(read, w));
        }
        r
    }

    pub fn loc_of(&self, order: &[usize]) -> Option<usize> {
        order.first().and_then(|&w| self.events[w].loc)
    }

    /// Executes the program with these sources, in some order of `po | rf`; `None` if there is none, or if a read's
    /// source turns out not to be written.
    pub fn execute(&self, c: &Candidate) -> Option<Values> {
        let n = self.events.len();
        let edges = self.threads.or(&self.sections(c)).inverse();
        let mut v = Values {
            reads: vec![Vec::new(); self.program.threads.len()],
            value: vec![0; n],
            mode: self.events.iter().map(|e| e.mode).collect(),
            dead: 0,
        };
        let mut last = vec![0; self.program.threads.len()];
        let mut next = vec![0; last.len()];
        let rows: Vec<Vec<usize>> =
            (0..last.len()).map(|t| (0..n).filter(|&i| self.events[i].t == t).collect()).collect();
        let mut done: Set = 0;
        loop {
            let before = done;
            for (t, row) in rows.iter().enumerate() {
                while let Some(&i) = row.get(next[t]) {
                    let ready = (0..n).all(|j| !edges.has(i, j) || done >> j & 1 == 1);
                    let source = self.reads.iter().position(|&r| r == i).and_then(|r| c.sources[r]);
                    if !ready || source.is_some_and(|w| done >> w & 1 == 0) {
                        break;
                    }
                    if source.is_some_and(|w| !v.alive(w)) {
                        return None;
                    }
                    let read = source.map_or(0, |w| v.value[w]);
                    self.perform(i, read, &mut v, &mut last[t]);
                    done |= 1 << i;
                    next[t] += 1;
                }
            }
            if done == before {
                break;
            }
        }
        (done.count_ones() as usize == n).then_some(v)
    }

    fn perform(&self, i: usize, read: u64, v: &mut Values, last: &mut u64) {
        let e = &self.events[i];
        let Some(op) = self.program.threads[e.t].get(e.at) else { return };
        match (e.kind, op) {
            (Kind::Read, _) => {
                (v.value[i], *last) = (read, read);
                let tells = match *op {
                    Op::Cas { expected, failure, .. } => {
                        if read != expected {
                            v.dead |= 1 << (i + 1);
                            v.mode[i] = mode(failure);
                        }
                        exchanged(read, read == expected)
                    }
                    _ => read,
                };
                v.reads[e.t].push(tells);
            }
            (Kind::Write, Op::Store(_, Val::Is(w), _) | Op::Swap(_, w, _)) => v.value[i] = *w,
            (Kind::Write, Op::PlainStore(_, w) | Op::CellWrite(_, w)) => v.value[i] = *w,
            (Kind::Write, Op::Cas { new, .. }) => v.value[i] = *new,
            (Kind::Write, Op::Store(_, Val::Last, _)) => v.value[i] = *last,
            (Kind::Write, Op::Add(_, d, _)) => v.value[i] = v.value[i - 1] + d,
            _ => {}
        }
    }

    /// A complete graph's identity. Positions in their threads name operations, so that the other oracle can say
    /// the same.
    pub fn key(&self, c: &Candidate, orders: &[&Vec<usize>]) -> Key {
        let name = |i: usize| [self.events[i].t as u8, self.events[i].at as u8];
        let mut rf: Vec<[u8; 4]> = Vec::new();
        for (&r, &w) in self.reads.iter().zip(&c.sources) {
            let ([a, b], [x, y]) = (name(r), w.map_or([255, 255], name));
            rf.push([a, b, x, y]);
        }
        let mo = orders.iter().map(|o| o.iter().map(|&w| name(w)).collect());
        let sections = c.orders.iter().zip(&self.locks);
        let sections = sections.map(|(o, l)| o.iter().map(|&i| name(l[i].0)).collect());
        key(rf, mo.collect(), sections.collect())
    }
}

/// A graph's identity, from (reader, source) pairs and from orders by location and mutex.
pub fn key(mut rf: Vec<[u8; 4]>, mo: Vec<Vec<[u8; 2]>>, sections: Vec<Vec<[u8; 2]>>) -> Key {
    rf.sort_unstable();
    let mut k: Key = rf.into_iter().flatten().collect();
    for order in mo.into_iter().chain(sections) {
        k.push(254);
        k.extend(order.into_iter().flatten());
    }
    k
}
