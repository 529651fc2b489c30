//! Control flow and choices under RC11: every path of every thread, for every guess of what it reads, is a
//! straight-line program; those graphs count in which the guesses come true.

use super::axioms::{Answer, Want, enumerate_where};
use super::program::{Op, Ordering, Program, Reads, Val, exchanged};
use std::collections::BTreeSet;

/// One run of one thread.
#[derive(Clone, Default)]
struct Path {
    ops: Vec<Op>,
    /// What the operations must read.
    guesses: Reads,
    /// What the thread returns.
    results: Reads,
    last: u64,
    /// It ends in a wait for another value.
    blocked: bool,
}

enum Todo {
    Op(Op),
    Branch { is: u64, then: Vec<Op>, other: Vec<Op> },
    Exchange { x: usize, tries: u32, success: Ordering, failure: Ordering, weak: bool },
}

/// What both memory models allow a program with branches, choices, bounded exchange loops and waits for values to do,
/// and whether it can get stuck in such a wait; `None` if there is too much of it.
pub struct Flow {
    pub answer: Answer,
    pub stuck: bool,
    pub stuck_sc: bool,
}

pub fn flow(p: &Program, budget: u64) -> Option<Flow> {
    let values = values(p);
    let paths: Vec<Vec<Path>> = p.threads.iter().map(|ops| paths(ops, &values)).collect();
    let combinations = paths.iter().map(|l| l.len() as u64).try_fold(1u64, |a, n| a.checked_mul(n))?;
    if combinations > budget {
        return None;
    }
    let mut f = Flow { answer: Answer::default(), stuck: false, stuck_sc: false };
    let mut chosen = vec![0; paths.len()];
    loop {
        let line: Vec<&Path> = paths.iter().zip(&chosen).map(|(l, &i)| &l[i]).collect();
        f.line(&line, p.sizes().atomics, budget)?;
        let Some(i) = (0..chosen.len()).find(|&i| chosen[i] + 1 < paths[i].len()) else { return Some(f) };
        chosen[i] += 1;
        chosen[..i].fill(0);
    }
}

impl Flow {
    fn line(&mut self, line: &[&Path], atomics: usize, budget: u64) -> Option<()> {
        let mut threads: Vec<Vec<Op>> = line.iter().map(|p| p.ops.clone()).collect();
        let waiting: Vec<usize> = (0..line.len()).filter(|&t| line[t].blocked).collect();
        // Whoever joins a thread that is stuck is stuck there.
        let mut stuck = waiting.clone();
        while let Some(t) = stuck.pop() {
            for (joiner, ops) in threads.iter_mut().enumerate() {
                if let Some(i) = ops.iter().position(|op| *op == Op::Join(t)) {
                    if line[joiner].blocked || ops[i..].iter().any(|op| !matches!(op, Op::Join(_))) {
                        return Some(()); // counted where it does not get that far
                    }
                    ops.truncate(i);
                    stuck.push(joiner);
                }
            }
        }
        let want = Want {
            reads: line.iter().map(|p| p.guesses.clone()).collect(),
            results: line.iter().map(|p| p.results.clone()).collect(),
            final_reads: waiting.clone(),
            atomics,
        };
        let a = enumerate_where(&Program { threads }, budget, &want)?;
        if waiting.is_empty() {
            self.answer.rc11.join(a.rc11);
            self.answer.sc.join(a.sc);
        } else {
            self.stuck |= a.rc11.total() > 0;
            self.stuck_sc |= a.sc.total() > 0;
            self.answer.rc11.racy |= a.rc11.racy;
            self.answer.sc.racy |= a.sc.racy;
        }
        Some(())
    }
}

/// Everything that a read might return.
fn values(p: &Program) -> Vec<u64> {
    let (mut set, mut additions) = (BTreeSet::from([0]), 0);
    p.each(&mut |_, op| match *op {
        Op::Store(_, Val::Is(v), _) | Op::Swap(_, v, _) | Op::Cas { new: v, .. } => drop(set.insert(v)),
        Op::Choose(n) => set.extend(0..n as u64),
        Op::Add(_, 1, _) | Op::Increment { .. } => additions += 1,
        _ => {}
    });
    for _ in 0..additions {
        set.extend(set.clone().into_iter().map(|v| v + 1));
    }
    set.into_iter().collect()
}

fn paths(ops: &[Op], values: &[u64]) -> Vec<Path> {
    let mut out = Vec::new();
    let todo = ops.iter().rev().cloned().map(Todo::Op).collect();
    go(Path::default(), todo, values, &mut out);
    out
}

/// Continues `p` with `todo`, whose last entry comes first.
fn go(mut p: Path, mut todo: Vec<Todo>, values: &[u64], out: &mut Vec<Path>) {
    let Some(next) = todo.pop() else { return out.push(p) };
    let rest = || -> Vec<Todo> { todo.iter().map(Todo::copy).collect() };
    let read = |op: Op, guess: u64, result: u64, last: u64| {
        let mut p = p.clone();
        p.ops.push(op);
        p.guesses.push(guess);
        p.results.push(result);
        p.last = last;
        p
    };
    match next {
        Todo::Branch { is, then, other } => {
            let body = if p.last == is { then } else { other };
            todo.extend(body.into_iter().rev().map(Todo::Op));
            go(p, todo, values, out);
        }
        Todo::Exchange { x, tries, success, failure, weak } => {
            for &v in values {
                let p = read(Op::Load(x, Ordering::Relaxed), v, v, v);
                let cas = Op::Cas { x, expected: v, new: v + 1, success, failure, weak: false };
                let exchanges = values.iter().map(|&w| (cas.clone(), exchanged(w, w == v), w, w == v));
                // It fails by itself: a load.
                let load = (Op::Load(x, failure), v, v, false);
                for (op, guess, w, ok) in exchanges.chain(weak.then_some(load)) {
                    let mut p = p.clone();
                    p.ops.push(op);
                    p.guesses.push(guess);
                    p.results.push(exchanged(w, ok));
                    p.last = w;
                    let mut todo = rest();
                    if !ok && tries > 1 {
                        todo.push(Todo::Exchange { x, tries: tries - 1, success, failure, weak });
                    }
                    go(p, todo, values, out);
                }
            }
        }
        Todo::Op(op) => match op {
            Op::Load(..) | Op::Add(..) | Op::Swap(..) | Op::PlainLoad(_) => {
                values.iter().for_each(|&v| go(read(op.clone(), v, v, v), rest(), values, out));
            }
            Op::Cas { x, expected, failure, weak, .. } => {
                for &v in values {
                    let tells = exchanged(v, v == expected);
                    go(read(op.clone(), tells, tells, v), rest(), values, out);
                }
                if weak {
                    let tells = exchanged(expected, false);
                    go(read(Op::Load(x, failure), expected, tells, expected), rest(), values, out);
                }
            }
            Op::If { read, is, then, other } => {
                todo.extend([Todo::Branch { is, then, other }, Todo::Op(*read)]);
                go(p, todo, values, out);
            }
            Op::Increment { x, tries, success, failure, weak } => {
                todo.push(Todo::Exchange { x, tries, success, failure, weak });
                go(p, todo, values, out);
            }
            Op::Choose(n) => {
                for c in 0..n as u64 {
                    let mut p = p.clone();
                    p.results.push(c);
                    p.last = c;
                    go(p, rest(), values, out);
                }
            }
            Op::Await { x, value, order, .. } => {
                for &v in values {
                    let mut p = read(Op::Load(x, order), v, v, v);
                    p.blocked = v != value;
                    go(p, if v == value { rest() } else { Vec::new() }, values, out);
                }
            }
            Op::Store(x, Val::Last, o) => {
                p.ops.push(Op::Store(x, Val::Is(p.last), o));
                go(p, todo, values, out);
            }
            op => {
                p.ops.push(op);
                go(p, todo, values, out);
            }
        },
    }
}

impl Todo {
    fn copy(&self) -> Todo {
        match self {
            Todo::Op(op) => Todo::Op(op.clone()),
            Todo::Branch { is, then, other } => {
                Todo::Branch { is: *is, then: then.clone(), other: other.clone() }
            }
            &Todo::Exchange { x, tries, success, failure, weak } => {
                Todo::Exchange { x, tries, success, failure, weak }
            }
        }
    }
}
