//! Random programs that branch, choose and wait.

use super::program::{Op, Ordering, Program, Val};
use super::random::{FENCES, LOADS, RMWS, Rng, STORES};
use Ordering::*;

fn value(r: &mut Rng) -> Val {
    if r.percent(20) { Val::Last } else { Val::Is(r.range(1, 2) as u64) }
}

fn cas(r: &mut Rng, weak: bool) -> Op {
    Op::Cas {
        x: r.below(2),
        expected: r.below(2) as u64,
        new: r.range(1, 2) as u64,
        success: r.pick(&RMWS),
        failure: r.pick(&LOADS),
        weak,
    }
}

/// Something that reads.
fn reader(r: &mut Rng) -> Op {
    match r.below(6) {
        0 => Op::Choose(r.range(2, 3) as u32),
        1 => Op::Swap(r.below(2), 2, r.pick(&RMWS)),
        2 => cas(r, true),
        3 => cas(r, false),
        _ => Op::Load(r.below(2), r.pick(&LOADS)),
    }
}

fn effect(r: &mut Rng) -> Op {
    match r.below(8) {
        0 => Op::Fence(r.pick(&FENCES)),
        1 => Op::Add(r.below(2), 1, r.pick(&RMWS)),
        2 => cas(r, false),
        _ => Op::Store(r.below(2), value(r), r.pick(&STORES)),
    }
}

/// For bodies that run in some executions only: a plain load of an atomic too.
fn plain_or_effect(r: &mut Rng) -> Op {
    if r.percent(40) { Op::PlainLoad(r.below(2)) } else { effect(r) }
}

fn few(r: &mut Rng, least: usize, most: usize, f: fn(&mut Rng) -> Op) -> Vec<Op> {
    (0..r.range(least, most)).map(|_| f(r)).collect()
}

/// One thread writes twice; another reads the one and then, in a branch, loads the other plainly: a race or none, by
/// their order and by what publishes.
fn guarded_load(r: &mut Rng) -> Program {
    let write = |r: &mut Rng, x: usize| match r.below(4) {
        0 => Op::Add(x, 1, r.pick(&RMWS)),
        1 => Op::Cas { x, expected: 0, new: 1, success: r.pick(&RMWS), failure: r.pick(&LOADS), weak: false },
        _ => Op::Store(x, Val::Is(1), r.pick(&STORES)),
    };
    let first = r.below(2);
    let writer = vec![write(r, first), write(r, 1 - first)];
    let read = Box::new(Op::Load(0, r.pick(&LOADS)));
    let then = vec![Op::PlainLoad(1)];
    let mut bodies = vec![writer, vec![Op::If { read, is: 1, then, other: few(r, 0, 1, effect_on_0) }]];
    r.shuffle(&mut bodies);
    Program::of(bodies)
}

/// An effect on the first atomic.
fn effect_on_0(r: &mut Rng) -> Op {
    Op::Store(0, value(r), r.pick(&STORES))
}

/// Branches on what was read or chosen, bounded exchange loops, weak exchanges, waits for a value.
pub fn flow(r: &mut Rng) -> Program {
    if r.percent(5) {
        return guarded_load(r);
    }
    let body = if r.percent(25) { plain_or_effect } else { effect };
    let statement = |r: &mut Rng| match r.below(10) {
        0..4 => {
            let read = Box::new(reader(r));
            Op::If { read, is: r.below(3) as u64, then: few(r, 0, 2, body), other: few(r, 0, 1, body) }
        }
        4 => Op::Increment {
            x: 0,
            tries: r.range(1, 2) as u32,
            success: r.pick(&RMWS),
            failure: r.pick(&LOADS),
            weak: r.percent(50),
        },
        5 if r.percent(60) => {
            Op::Await { x: r.below(2), value: r.range(0, 2) as u64, order: r.pick(&LOADS), by_hand: false }
        }
        7 => reader(r),
        _ => effect(r),
    };
    let threads = r.pick(&[2, 2, 3]);
    Program::of((0..threads).map(|_| (0..r.range(1, 2)).map(|_| statement(r)).collect()).collect())
}

/// Accesses for inside and outside of sections.
fn access(r: &mut Rng) -> Op {
    match r.below(6) {
        0..3 => Op::Load(r.below(2), r.pick(&LOADS)),
        3 | 4 => Op::Store(r.below(2), Val::Is(r.range(1, 2) as u64), r.pick(&STORES)),
        _ => Op::Add(r.below(2), 1, r.pick(&RMWS)),
    }
}

/// Threads that wait on condition variables, with and without a predicate, and threads that notify, with and
/// without the mutex.
pub fn condvars(r: &mut Rng) -> Program {
    let timed = r.percent(25);
    let condvars = r.pick(&[1, 1, 1, 2]);
    let waiter = |r: &mut Rng| {
        let cv = r.below(condvars);
        let wait = Op::Wait { cv, m: 0, timed: timed && r.percent(70) };
        let mut ops = r.some(15, access);
        match r.below(6) {
            0..3 => ops.extend([Op::Lock(0), Op::WaitFor { cv, m: 0, x: 0, value: 1 }]),
            3 => {
                let read = Box::new(Op::Load(0, Relaxed));
                ops.extend([Op::Lock(0), Op::If { read, is: 1, then: vec![], other: vec![wait] }]);
            }
            4 => ops.extend([Op::Load(0, Relaxed), Op::Lock(0), wait]),
            _ => ops.extend([Op::Lock(0), wait]),
        }
        ops.extend(r.some(40, access));
        ops.push(Op::Unlock(0));
        ops
    };
    let notifier = |r: &mut Rng| {
        let set = Op::Store(0, Val::Is(1), r.pick(&STORES));
        let notify = |r: &mut Rng| Op::Notify { cv: r.below(condvars), all: r.percent(40) };
        let mut ops = match r.below(5) {
            0..2 => vec![Op::Lock(0), set, Op::Unlock(0), notify(r)],
            2 => vec![Op::Lock(0), set, notify(r), Op::Unlock(0)],
            3 => vec![set, notify(r)],
            _ => vec![notify(r), set],
        };
        ops.extend(r.some(30, notify));
        ops
    };
    let (waiters, notifiers) = r.pick(&[(1, 1), (1, 1), (2, 1), (1, 2), (2, 1)]);
    let mut bodies: Vec<Vec<Op>> = (0..waiters).map(|_| waiter(r)).collect();
    bodies.extend((0..notifiers).map(|_| notifier(r)));
    if timed && r.percent(50) {
        // Waiting in a section of another mutex, for which somebody else waits meanwhile.
        for ops in bodies.iter_mut().filter(|_| r.percent(70)) {
            ops.insert(0, Op::Lock(1));
            ops.push(Op::Unlock(1));
        }
        if bodies.len() < 3 {
            bodies.push(vec![Op::Lock(1), access(r), Op::Unlock(1)]);
        }
    }
    r.shuffle(&mut bodies);
    Program::of(bodies)
}

/// Readers-writer locks and mutexes, waited for and tried.
pub fn locks(r: &mut Rng) -> Program {
    let inside = |r: &mut Rng| {
        let mut ops = few(r, 0, 2, access);
        // Always under rw0, so never a race.
        ops.extend(r.some(30, |_| Op::CellRead(0)));
        ops
    };
    let exclusive = |r: &mut Rng| {
        let mut ops = few(r, 0, 1, access);
        ops.extend(r.some(40, |r| Op::CellWrite(0, r.range(1, 3) as u64)));
        ops
    };
    let tries = r.percent(60);
    let part = |r: &mut Rng| -> Vec<Op> {
        let around = |a: Op, body: Vec<Op>, b: Op| std::iter::once(a).chain(body).chain([b]).collect();
        match r.below(if tries { 8 } else { 4 }) {
            0 => around(Op::Read(0), inside(r), Op::ReadEnd(0)),
            1 => around(Op::Write(0), exclusive(r), Op::WriteEnd(0)),
            2 => around(Op::Lock(0), few(r, 0, 1, access), Op::Unlock(0)),
            3 => vec![access(r)],
            4 => vec![Op::TryRead { l: 0, body: inside(r) }],
            5 => vec![Op::TryWrite { l: 0, body: exclusive(r) }],
            6 => vec![Op::TryLock { m: 0, body: few(r, 0, 2, access) }],
            _ => {
                let body = vec![Op::TryLock { m: 0, body: few(r, 0, 1, access) }];
                around(Op::Read(0), body, Op::ReadEnd(0))
            }
        }
    };
    let nested = |r: &mut Rng| {
        let (a, b) = ([Op::Lock(0), Op::Unlock(0)], [Op::Write(0), Op::WriteEnd(0)]);
        let c = [Op::Read(0), Op::ReadEnd(0)];
        let (outer, inner) = match r.below(4) {
            0 => (a, b),
            1 => (b, a),
            2 => (a, c),
            _ => (c, a),
        };
        let [start, end] = outer;
        let mut ops = vec![start, inner[0].clone()];
        ops.extend(few(r, 0, 1, access));
        ops.extend([inner[1].clone(), end]);
        ops
    };
    let threads = r.pick(&[2, 3, 3]);
    let deadlocks = r.percent(25);
    let body = |r: &mut Rng| {
        if deadlocks {
            return nested(r);
        }
        (0..r.range(1, 2)).flat_map(|_| part(r)).collect::<Vec<_>>()
    };
    Program::of((0..threads).map(|_| body(r)).collect())
}

/// Threads that park, and threads that wake them: thread 0, their younger siblings, and thread 0 that parks itself.
pub fn parking(r: &mut Rng) -> Program {
    let threads = r.pick(&[2, 2, 3]);
    let timed = r.percent(25);
    let body = |r: &mut Rng, t: usize| {
        let mut ops = few(r, 0, 1, access);
        for _ in 0..r.range(1, 2) {
            ops.push(match r.below(4) {
                0 => Op::Park { timed: timed && r.percent(60) },
                // It knows itself and whoever was spawned before it.
                1 | 2 => Op::Unpark(r.below(t + 1)),
                _ => access(r),
            });
        }
        ops
    };
    let mut p = Program::of((1..=threads).map(|t| body(r, t)).collect());
    for _ in 0..r.range(1, 3) {
        let op = match r.below(3) {
            0 => Op::Park { timed: false },
            1 => access(r),
            _ => Op::Unpark(r.range(1, threads)),
        };
        // Somewhere between the spawns and the last join.
        let at = r.range(threads, p.threads[0].len() - 1);
        p.threads[0].insert(at, op);
    }
    p
}

/// Loops that poll, written by hand: after other reads, after effects, behind branches, one after the other through the
/// same places in the source; some carry a count from round to round, some give up after few rounds or many.
pub fn polling(r: &mut Rng) -> Program {
    let wait = |r: &mut Rng| {
        let (x, value, order) = (r.below(2), r.range(0, 2) as u64, r.pick(&LOADS));
        match r.below(8) {
            0 | 1 => Op::Watch { x, value, order },
            2 => Op::Look { x, value, order, rounds: r.pick(&[1, 2, 2, 3, 5, 28]) },
            _ => Op::Await { x, value, order, by_hand: r.percent(80) },
        }
    };
    let statement = |r: &mut Rng| match r.below(10) {
        0..2 => wait(r),
        2..4 => {
            let read = Box::new(Op::Load(r.below(2), r.pick(&LOADS)));
            Op::If { read, is: r.below(2) as u64, then: vec![wait(r)], other: few(r, 0, 1, effect) }
        }
        4..7 => Op::Load(r.below(2), r.pick(&LOADS)),
        7 => {
            Op::If { read: Box::new(Op::Choose(2)), is: 1, then: vec![wait(r)], other: few(r, 0, 1, effect) }
        }
        _ => effect(r),
    };
    let threads = r.pick(&[2, 2, 3]);
    Program::of((0..threads).map(|_| (0..r.range(1, 3)).map(|_| statement(r)).collect()).collect())
}

/// Loops around weak exchanges and waits that tell what they have been through, and exchanges and waits without loops.
pub fn spurious(r: &mut Rng) -> Program {
    let (success, failure) = (r.pick(&RMWS), r.pick(&LOADS));
    let increment = |r: &mut Rng, weak| Op::Increment { x: r.below(2), tries: 2, success, failure, weak };
    let notify = |r: &mut Rng| Op::Notify { cv: 0, all: r.percent(30) };
    let changes = |r: &mut Rng| match r.below(4) {
        0 => Op::Add(0, 1, r.pick(&RMWS)),
        1 => Op::Store(r.below(2), Val::Is(r.range(0, 2) as u64), r.pick(&STORES)),
        _ => Op::Store(0, Val::Is(1), r.pick(&STORES)),
    };
    let waits = r.percent(60);
    let threads = r.pick(&[2, 2, 3]);
    let thread = |r: &mut Rng| {
        if !waits || r.percent(25) {
            let statement = |r: &mut Rng| match r.below(6) {
                0 | 1 => Op::Gather { x: r.below(2), success, failure },
                2 => increment(r, true),
                3 => cas(r, true),
                _ => changes(r),
            };
            return (0..r.range(1, 4 - threads)).map(|_| statement(r)).collect();
        }
        let inside = |r: &mut Rng| match r.below(5) {
            0 => vec![Op::Wait { cv: 0, m: 0, timed: false }],
            1 | 2 => vec![Op::WaitFor { cv: 0, m: 0, x: 0, value: r.range(1, 2) as u64 }],
            3 => vec![changes(r), notify(r)],
            _ => vec![changes(r)],
        };
        let mut ops = vec![Op::Lock(0)];
        (0..r.range(1, 2)).for_each(|_| ops.extend(inside(r)));
        ops.push(Op::Unlock(0));
        ops.extend(r.some(50, notify));
        ops
    };
    Program::of((0..threads).map(|_| thread(r)).collect())
}
