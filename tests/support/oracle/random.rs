//! Random programs, each a function of its seed. Uniformly random ones rarely contain what breaks explorers (a fenced
//! message, nested locks), so most come from a shape.

use super::program::{Op, Ordering, Program, Val};
use Ordering::*;

/// A small generator (SplitMix64): the same programs on every machine.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    /// `low..=high`.
    pub fn range(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }
    /// True in so many of 100 cases.
    pub fn percent(&mut self, p: usize) -> bool {
        self.below(100) < p
    }
    pub fn pick<T: Clone>(&mut self, l: &[T]) -> T {
        l[self.below(l.len())].clone()
    }
    pub fn shuffle<T>(&mut self, l: &mut [T]) {
        for i in (1..l.len()).rev() {
            l.swap(i, self.below(i + 1));
        }
    }
    /// Maybe one.
    pub fn some<T>(&mut self, p: usize, f: impl FnOnce(&mut Rng) -> T) -> Vec<T> {
        if self.percent(p) { vec![f(self)] } else { Vec::new() }
    }
}

pub const LOADS: [Ordering; 3] = [Relaxed, Acquire, SeqCst];
pub const STORES: [Ordering; 3] = [Relaxed, Release, SeqCst];
pub const RMWS: [Ordering; 5] = [Relaxed, Acquire, Release, AcqRel, SeqCst];
pub const FENCES: [Ordering; 4] = [Acquire, Release, AcqRel, SeqCst];

/// What kind of operations a program is made of.
struct Style {
    locations: usize,
    /// Percentage of `SeqCst` beyond chance.
    sc: usize,
    /// Percentage of plain accesses.
    plain: usize,
    /// Each write its own value.
    unique: bool,
    written: u64,
}

impl Style {
    fn value(&mut self, r: &mut Rng) -> u64 {
        self.written += 1;
        if self.unique { self.written } else { r.range(1, 2) as u64 }
    }
    fn order(&self, r: &mut Rng, from: &[Ordering]) -> Ordering {
        if r.percent(self.sc) { SeqCst } else { r.pick(from) }
    }
    fn op(&mut self, r: &mut Rng) -> Op {
        let x = r.below(self.locations);
        if r.percent(self.plain) {
            let v = self.value(r);
            return r.pick(&[
                Op::CellRead(0),
                Op::CellWrite(0, v),
                Op::CellRead(0),
                Op::CellWrite(0, v),
                Op::PlainLoad(x),
                Op::PlainStore(x, v),
            ]);
        }
        match r.below(100) {
            0..32 => Op::Load(x, self.order(r, &LOADS)),
            32..60 => {
                let v = if r.percent(12) { Val::Last } else { Val::Is(self.value(r)) };
                Op::Store(x, v, self.order(r, &STORES))
            }
            60..70 => Op::Add(x, 1, self.order(r, &RMWS)),
            70..77 => Op::Swap(x, self.value(r), self.order(r, &RMWS)),
            77..89 => self.cas(r, x),
            _ => Op::Fence(self.order(r, &FENCES)),
        }
    }
    fn cas(&mut self, r: &mut Rng, x: usize) -> Op {
        let success = self.order(r, &RMWS);
        Op::Cas {
            x,
            expected: r.below(2) as u64,
            new: self.value(r),
            success,
            failure: self.order(r, &LOADS),
            weak: false,
        }
    }
    fn body(&mut self, r: &mut Rng, most: usize) -> Vec<Op> {
        (0..r.range(1, most)).map(|_| self.op(r)).collect()
    }
}

fn style(r: &mut Rng) -> Style {
    Style {
        locations: r.pick(&[1, 1, 2, 2, 2, 3]),
        sc: r.pick(&[0, 0, 30, 60]),
        plain: r.pick(&[0, 0, 0, 10, 25]),
        unique: r.percent(40),
        written: 0,
    }
}

/// Any straight-line program without locks.
pub fn straight(r: &mut Rng) -> Program {
    let bodies = match r.below(12) {
        0 | 1 => message(r),
        2 => release_sequence(r),
        3 => exchanges(r),
        4..7 => sc_mixture(r),
        7 => coherence(r),
        _ => {
            let mut s = style(r);
            let threads = r.pick(&[2, 2, 2, 3, 3, 4]);
            let most = [0, 0, 4, 4, 3][threads];
            (0..threads).map(|_| s.body(r, most)).collect()
        }
    };
    started(r, bodies)
}

/// Three or four threads of up to four operations, on up to three locations: beyond brute force.
pub fn large(r: &mut Rng) -> Program {
    let mut s = Style { plain: 0, ..style(r) };
    let threads = r.range(3, 4);
    Program::of((0..threads).map(|_| s.body(r, 4)).collect())
}

/// Lets thread 0 take part now and then, and lets a thread spawn another.
fn started(r: &mut Rng, mut bodies: Vec<Vec<Op>>) -> Program {
    let locks = bodies.iter().flatten().any(|op| matches!(op, Op::Lock(_)));
    if r.percent(70) || locks {
        return Program::of(bodies);
    }
    let n = bodies.len();
    if r.percent(50) {
        // One of the bodies is thread 0's own, between the spawns and the joins, or around a spawn.
        let mine = bodies.pop().expect("at least two threads");
        let mut p = Program::of(bodies);
        let at = r.range(0, n - 1);
        let cut = r.below(mine.len() + 1);
        let later = r.range(at, n - 1) + cut;
        p.threads[0].splice(at..at, mine[..cut].iter().cloned());
        p.threads[0].splice(later..later, mine[cut..].iter().cloned());
        return p;
    }
    // Thread n is spawned, and joined, by another one.
    let mut p = Program::of(bodies);
    p.threads[0].retain(|op| !matches!(op, Op::Spawn(t) | Op::Join(t) if *t == n));
    let parent = &mut p.threads[r.range(1, n - 1)];
    let at = r.below(parent.len() + 1);
    parent.insert(at, Op::Spawn(n));
    let end = r.range(at + 1, parent.len());
    parent.insert(end, Op::Join(n));
    p
}

/// Message passing with fences, release sequences and exchanges on the way.
fn message(r: &mut Rng) -> Vec<Vec<Op>> {
    let cell = r.percent(30);
    let fence = |r: &mut Rng, l: &[Ordering]| r.some(60, |r| Op::Fence(r.pick(l)));
    let mut a = vec![if cell { Op::CellWrite(0, 1) } else { Op::Store(0, Val::Is(1), Relaxed) }];
    a.extend(fence(r, &[Release, AcqRel, SeqCst]));
    a.push(if r.percent(60) {
        Op::Store(1, Val::Is(1), r.pick(&STORES))
    } else {
        Op::Add(1, 1, r.pick(&[Relaxed, Release, AcqRel]))
    });
    let mut b = vec![match r.below(4) {
        0 | 1 => Op::Load(1, r.pick(&[Relaxed, Acquire])),
        2 => Op::Add(1, 1, r.pick(&[Relaxed, Acquire])),
        _ => Op::Cas {
            x: 1,
            expected: 1,
            new: 2,
            success: r.pick(&RMWS),
            failure: r.pick(&LOADS),
            weak: false,
        },
    }];
    b.extend(fence(r, &[Acquire, AcqRel, SeqCst]));
    b.push(if cell && r.percent(20) { Op::CellRead(0) } else { Op::Load(0, Relaxed) });
    let mut bodies = vec![a, b];
    if r.percent(50) {
        let mut c = vec![match r.below(3) {
            0 => Op::Add(1, 1, r.pick(&[Relaxed, Release])),
            1 => Op::Store(1, Val::Is(2), Relaxed),
            _ => Op::Load(1, Acquire),
        }];
        c.extend(fence(r, &[Acquire, Release]));
        bodies.push(c);
    }
    r.shuffle(&mut bodies);
    bodies
}

/// A release store, read-modify-writes of others that continue it (or stores that do not), and a reader.
fn release_sequence(r: &mut Rng) -> Vec<Vec<Op>> {
    let mut a = vec![Op::Store(0, Val::Is(1), Relaxed)];
    a.extend(r.some(30, |_| Op::Fence(Release)));
    a.push(Op::Store(1, Val::Is(1), r.pick(&[Relaxed, Release, Release])));
    a.extend(r.some(30, |r| {
        let o = r.pick(&STORES);
        r.pick(&[Op::Store(1, Val::Is(2), Relaxed), Op::Add(1, 1, Relaxed), Op::Swap(1, 2, o)])
    }));
    let middle = |r: &mut Rng| {
        let o = r.pick(&RMWS);
        match r.below(3) {
            0 => Op::Add(1, 1, o),
            1 => Op::Swap(1, 3, o),
            _ => Op::Cas { x: 1, expected: 1, new: 4, success: o, failure: r.pick(&LOADS), weak: false },
        }
    };
    let mut b = vec![middle(r)];
    b.extend(r.some(30, middle));
    let mut c = vec![Op::Load(1, r.pick(&[Relaxed, Acquire]))];
    c.extend(r.some(40, |_| Op::Fence(Acquire)));
    c.push(Op::Load(0, Relaxed));
    let mut bodies = vec![a, b, c];
    r.shuffle(&mut bodies);
    bodies
}

/// Exchanges that wait for each other's values.
fn exchanges(r: &mut Rng) -> Vec<Vec<Op>> {
    let threads = r.range(2, 3);
    let one = |r: &mut Rng| {
        let expected = r.below(3) as u64;
        let new = if r.percent(70) { expected + 1 } else { r.below(3) as u64 };
        let (success, failure) = (r.pick(&RMWS), r.pick(&LOADS));
        match r.below(6) {
            0 => Op::Add(0, 1, r.pick(&RMWS)),
            1 => Op::Load(r.below(2), r.pick(&LOADS)),
            2 => Op::Store(1, Val::Last, r.pick(&STORES)),
            _ => Op::Cas { x: 0, expected, new, success, failure, weak: false },
        }
    };
    (0..threads).map(|_| (0..r.range(1, 3)).map(|_| one(r)).collect()).collect()
}

/// SB, IRIW, RWC, 2+2W, Z6 and R, with `SeqCst` accesses and fences strewn in; and accesses that are `SeqCst` at the
/// ends of a chain of which only synchronisation is in the middle.
fn sc_mixture(r: &mut Rng) -> Vec<Vec<Op>> {
    // How strong accesses are is mostly a matter of the thread: fenced ones next to `SeqCst` ones.
    let (loads, stores) = ([Relaxed, Acquire, SeqCst, SeqCst], [Relaxed, Release, SeqCst, SeqCst]);
    let mixed = r.percent(50);
    let strength: Vec<usize> = (0..4).map(|_| r.below(4)).collect();
    let load = |r: &mut Rng, t: usize, x: usize| {
        Op::Load(x, if mixed { r.pick(&loads) } else { loads[strength[t]] })
    };
    let store = |r: &mut Rng, t: usize, x: usize, v: u64| {
        Op::Store(x, Val::Is(v), if mixed { r.pick(&stores) } else { stores[strength[t]] })
    };
    let mut bodies = match r.below(7) {
        0 => vec![vec![store(r, 0, 0, 1), load(r, 0, 1)], vec![store(r, 1, 1, 1), load(r, 1, 0)]],
        1 => vec![
            vec![store(r, 0, 0, 1)],
            vec![store(r, 1, 1, 1)],
            vec![load(r, 2, 0), load(r, 2, 1)],
            vec![load(r, 3, 1), load(r, 3, 0)],
        ],
        2 => vec![
            vec![store(r, 0, 0, 1)],
            vec![load(r, 1, 0), load(r, 1, 1)],
            vec![store(r, 2, 1, 1), load(r, 2, 0)],
        ],
        3 => vec![vec![store(r, 0, 0, 1), store(r, 0, 1, 2)], vec![store(r, 1, 1, 1), store(r, 1, 0, 2)]],
        4 => vec![
            vec![store(r, 0, 0, 1), store(r, 0, 1, 1)],
            vec![store(r, 1, 1, 2), store(r, 1, 2, 1)],
            vec![load(r, 2, 2), load(r, 2, 0)],
        ],
        5 => vec![
            vec![
                Op::Store(0, Val::Is(1), SeqCst),
                Op::Store(1, Val::Is(1), r.pick(&[Release, Release, Relaxed])),
            ],
            vec![Op::Load(1, r.pick(&[Acquire, Acquire, Relaxed])), Op::Load(2, SeqCst)],
            vec![Op::Store(2, Val::Is(1), SeqCst), Op::Load(0, SeqCst)],
        ],
        _ => vec![vec![store(r, 0, 0, 1), store(r, 0, 1, 1)], vec![store(r, 1, 1, 2), load(r, 1, 0)]],
    };
    let (fenced, fences) = (r.pick(&[0, 40, 90]), r.pick(&[&[SeqCst][..], &[SeqCst, AcqRel, Release]]));
    for b in &mut bodies {
        let strong = b.iter().all(|op| matches!(op, Op::Load(_, SeqCst) | Op::Store(_, _, SeqCst)));
        if b.len() > 1 && !(strong && r.percent(60)) && r.percent(fenced) {
            b.insert(1, Op::Fence(r.pick(fences)));
        }
    }
    if r.percent(25) {
        let b = r.below(bodies.len());
        let at = r.below(bodies[b].len() + 1);
        bodies[b].insert(at, Op::Add(r.below(2), 1, r.pick(&RMWS)));
    }
    r.shuffle(&mut bodies);
    bodies
}

/// Many accesses of one location.
fn coherence(r: &mut Rng) -> Vec<Vec<Op>> {
    let mut s = Style { locations: 1, sc: r.pick(&[0, 30]), plain: 0, unique: r.percent(50), written: 0 };
    (0..r.range(2, 3)).map(|_| s.body(r, 3)).collect()
}

/// Programs with locks: sections nested and side by side, against threads that take none.
pub fn locked(r: &mut Rng) -> Program {
    let threads = r.pick(&[2, 3, 3]);
    let plain = r.percent(30);
    let locations = r.range(1, 2);
    let access = |r: &mut Rng| match (r.below(6), r.below(locations)) {
        (0 | 1, _) if plain => Op::CellRead(0),
        (2 | 3, _) if plain => Op::CellWrite(0, r.range(1, 2) as u64),
        (0..3, x) => Op::Load(x, r.pick(&LOADS)),
        (3 | 4, x) => Op::Store(x, Val::Is(r.range(1, 2) as u64), r.pick(&STORES)),
        (_, x) => Op::Add(x, 1, r.pick(&[Relaxed, AcqRel])),
    };
    let bodies = match r.below(10) {
        0..3 => {
            let mutexes = r.range(2, 3);
            let body = |r: &mut Rng| {
                let mut two: Vec<usize> = (0..mutexes).collect();
                r.shuffle(&mut two);
                let (a, b) = (two[0], two[1]);
                let mut ops = vec![Op::Lock(a)];
                ops.extend(r.some(20, access));
                ops.push(Op::Lock(b));
                ops.extend(r.some(20, access));
                let ends = if r.percent(50) { [a, b] } else { [b, a] };
                ops.extend(ends.map(Op::Unlock));
                ops
            };
            (0..threads).map(|_| body(r)).collect()
        }
        3 | 4 => {
            let mut bodies: Vec<Vec<Op>> = (1..threads)
                .map(|_| {
                    let mut ops = r.some(30, access);
                    ops.push(Op::Lock(0));
                    ops.extend(r.some(60, access));
                    ops.push(Op::Unlock(0));
                    ops
                })
                .collect();
            let mut outside: Vec<Op> = (0..r.range(1, 2)).map(|_| access(r)).collect();
            if r.percent(30) {
                outside.extend([Op::Lock(0), Op::Unlock(0)]);
            }
            bodies.push(outside);
            r.shuffle(&mut bodies);
            bodies
        }
        _ => (0..threads).map(|_| sections(r, &access)).collect(),
    };
    Program::of(bodies)
}

/// Locks taken and released at random, among accesses.
fn sections(r: &mut Rng, access: &dyn Fn(&mut Rng) -> Op) -> Vec<Op> {
    let (mut ops, mut held): (Vec<Op>, Vec<usize>) = (Vec::new(), Vec::new());
    let often = r.pick(&[30, 50, 70]);
    for _ in 0..r.range(2, 5) {
        let free: Vec<usize> = (0..2).filter(|m| !held.contains(m)).collect();
        if !r.percent(often) {
            ops.push(access(r));
        } else if !free.is_empty() && (held.is_empty() || r.percent(60)) {
            held.push(r.pick(&free));
            ops.push(Op::Lock(held[held.len() - 1]));
        } else {
            let m = held.swap_remove(r.below(held.len()));
            ops.push(Op::Unlock(m));
        }
    }
    r.shuffle(&mut held);
    ops.extend(held.into_iter().map(Op::Unlock));
    ops
}
