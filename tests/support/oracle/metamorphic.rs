//! Programs too large for brute force, against themselves: changes of a program that must not change the number of its
//! executions.

use super::compare::{Tally, same_with_two_jobs, scenario_of, verdict};
use super::program::{Op, Ordering, Program, Val};
use crate::support::plan;
use selvedge::check::engine::{Exploration, Plan, exact};
use selvedge::check::model::Memory;
use selvedge::check::{Kind, Verdict};

/// More than this are not explored.
const MOST: u64 = 3_000;

fn explore(p: &Program, memory: Memory) -> Option<Exploration> {
    let x = exact::explore(&scenario_of(p), &Plan { memory, executions: MOST, ..plan() });
    (!matches!(x.verdict, Verdict::EngineLimit { .. })).then_some(x)
}

/// The same threads, spawned in the opposite order: the engine prefers those that were spawned first.
fn reversed(p: &Program) -> Program {
    Program::of(p.threads[1..].iter().rev().cloned().collect())
}

/// With so many operations on a location of its own in front of each thread that no event set fits into a machine
/// word.
fn padded(p: &Program) -> Program {
    let own = p.sizes().atomics;
    let mut p = p.clone();
    for (t, ops) in p.threads.iter_mut().enumerate().skip(1) {
        // Nothing that reads, or `store(last)` would notice; and the fences release only what nobody else reads.
        let pad = (0..24).map(|i| match i % 2 {
            0 => Op::Store(own + t - 1, Val::Is(i), Ordering::Relaxed),
            _ => Op::Fence(Ordering::Release),
        });
        ops.splice(0..0, pad.collect::<Vec<_>>());
    }
    p
}

/// Every atomic access sequentially consistent.
fn all_sc(p: &Program) -> Program {
    let mut p = p.clone();
    let sc = Ordering::SeqCst;
    for op in p.threads.iter_mut().flatten() {
        match op {
            Op::Load(_, o) | Op::Store(_, _, o) | Op::Add(_, _, o) | Op::Swap(_, _, o) | Op::Fence(o) => {
                *o = sc
            }
            Op::Cas { success, failure, .. } => (*success, *failure) = (sc, sc),
            _ => {}
        }
    }
    p
}

/// The program must have as many executions when its threads come in another order, when there is more around it,
/// and, all of it being `SeqCst`, under RC11 as under SC.
pub fn unchanged(p: &Program) -> Option<Result<Tally, String>> {
    let x = explore(p, Memory::Rc11)?;
    let strong = all_sc(p);
    let others = [
        ("in the opposite order", explore(p, Memory::Rc11)?, explore(&reversed(p), Memory::Rc11)?),
        ("padded", explore(p, Memory::Rc11)?, explore(&padded(p), Memory::Rc11)?),
        ("all SeqCst, under SC", explore(&strong, Memory::Rc11)?, explore(&strong, Memory::Sc)?),
    ];
    let run = || {
        for (what, a, b) in &others {
            let same = match (&a.verdict, &b.verdict) {
                (Verdict::Exhausted, Verdict::Exhausted) => a.executions == b.executions,
                (
                    Verdict::Found { kind: Kind::DataRace, .. },
                    Verdict::Found { kind: Kind::DataRace, .. },
                ) => true,
                _ => false,
            };
            if !same {
                return Err(format!(
                    "{what}: {} after {} executions, and {} after {}",
                    verdict(a),
                    a.executions,
                    verdict(b),
                    b.executions
                ));
            }
        }
        same_with_two_jobs(p, Memory::Rc11, &x)?;
        Ok(Tally { programs: 1, graphs: x.executions, ..Tally::default() })
    };
    Some(run())
}
