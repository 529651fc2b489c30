//! The SC oracle for straight-line programs: every interleaving, told apart only by who read from whom, by
//! modification orders and by the orders of lock sections. Also: where threads can stand still for ever.

use super::axioms::Key;
use super::candidate::key;
use super::program::{Op, Program, Reads, Val, exchanged, outcome};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What the interleavings of a program come to.
#[derive(Default)]
pub struct Interleaved {
    pub graphs: BTreeSet<Key>,
    pub outcomes: BTreeMap<String, u64>,
    /// Where each thread stands in a deadlock: the number of its operations done, `None` if it was not begun.
    pub deadlocks: BTreeSet<Vec<Option<usize>>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    at: Vec<Option<usize>>,
    /// Last write and value, by location (atomics, then cells).
    memory: Vec<([u8; 2], u64)>,
    holder: Vec<bool>,
    rf: Vec<[u8; 4]>,
    mo: Vec<Vec<[u8; 2]>>,
    sections: Vec<Vec<[u8; 2]>>,
    reads: Vec<Reads>,
    last: Vec<u64>,
}

/// All of it; `None` if there are more than `budget` states.
pub fn interleavings(p: &Program, budget: usize) -> Option<Interleaved> {
    let sizes = p.sizes();
    let (n, locations) = (p.threads.len(), sizes.atomics + sizes.cells);
    let mut at = vec![None; n];
    at[0] = Some(0);
    let first = State {
        at,
        memory: vec![([255, 255], 0); locations],
        holder: vec![false; sizes.mutexes],
        rf: Vec::new(),
        mo: vec![Vec::new(); locations],
        sections: vec![Vec::new(); sizes.mutexes],
        reads: vec![Vec::new(); n],
        last: vec![0; n],
    };
    let mut result = Interleaved::default();
    let mut seen = HashSet::from([first.clone()]);
    let mut todo = vec![first];
    while let Some(s) = todo.pop() {
        let mut moved = false;
        for t in 0..n {
            if let Some(mut next) = step(p, &s, t, sizes.atomics) {
                moved = true;
                // The order in which reads of different threads came is no part of what is told apart.
                next.rf.sort_unstable();
                if seen.insert(next.clone()) {
                    todo.push(next);
                }
            }
        }
        if seen.len() > budget {
            return None;
        }
        if moved {
            continue;
        }
        if s.at[0] == Some(p.threads[0].len()) {
            let new = result.graphs.insert(key(s.rf, s.mo, s.sections));
            if new {
                let word = outcome(&s.reads, s.memory.iter().map(|m| m.1));
                *result.outcomes.entry(word).or_insert(0) += 1;
            }
        } else {
            result.deadlocks.insert(s.at);
        }
    }
    Some(result)
}

/// Thread `t` does its next operation, if it can.
fn step(p: &Program, s: &State, t: usize, atomics: usize) -> Option<State> {
    let at = s.at[t]?;
    let op = p.threads[t].get(at)?;
    let me = [t as u8, at as u8];
    let mut n = s.clone();
    n.at[t] = Some(at + 1);
    let (mut read, mut write) = (None, None);
    match *op {
        Op::Load(x, _) | Op::PlainLoad(x) => read = Some(x),
        Op::CellRead(c) => read = Some(atomics + c),
        Op::Store(x, Val::Is(v), _) | Op::PlainStore(x, v) => write = Some((x, v)),
        Op::Store(x, Val::Last, _) => write = Some((x, s.last[t])),
        Op::CellWrite(c, v) => write = Some((atomics + c, v)),
        Op::Add(x, d, _) => (read, write) = (Some(x), Some((x, s.memory[x].1 + d))),
        Op::Swap(x, v, _) => (read, write) = (Some(x), Some((x, v))),
        Op::Cas { x, expected, new, .. } => {
            read = Some(x);
            write = (s.memory[x].1 == expected).then_some((x, new));
        }
        Op::Lock(m) if s.holder[m] => return None,
        Op::Lock(m) => {
            n.holder[m] = true;
            n.sections[m].push(me);
        }
        Op::Unlock(m) => n.holder[m] = false,
        Op::Spawn(c) => n.at[c] = Some(0),
        Op::Join(c) if s.at[c] != Some(p.threads[c].len()) => return None,
        Op::Join(_) | Op::Fence(_) => {}
        ref op => panic!("{op} is not straight-line"),
    }
    if let Some(x) = read {
        let (from, v) = s.memory[x];
        n.rf.push([me[0], me[1], from[0], from[1]]);
        n.reads[t].push(if matches!(op, Op::Cas { .. }) { exchanged(v, write.is_some()) } else { v });
        n.last[t] = v;
    }
    if let Some((x, v)) = write {
        n.memory[x] = (me, v);
        n.mo[x].push(me);
    }
    Some(n)
}

/// The program without all that has no part in who waits for whom, to find its deadlocks; with each thread's
/// positions in the original.
pub fn skeleton(p: &Program) -> (Program, Vec<Vec<usize>>) {
    let waits = |op: &Op| matches!(op, Op::Lock(_) | Op::Unlock(_) | Op::Spawn(_) | Op::Join(_));
    let kept = |ops: &[Op]| (0..ops.len()).filter(|&i| waits(&ops[i])).collect::<Vec<_>>();
    let positions: Vec<Vec<usize>> = p.threads.iter().map(|ops| kept(ops)).collect();
    let threads =
        positions.iter().zip(&p.threads).map(|(k, ops)| k.iter().map(|&i| ops[i].clone()).collect());
    (Program { threads: threads.collect() }, positions)
}
