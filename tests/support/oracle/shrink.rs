//! Makes a failing program smaller while it keeps failing: fewer threads, operations, locations; weaker orderings,
//! smaller values.

use super::program::{Op, Ordering, Program, Val};
use std::time::{Duration, Instant};

/// The smallest program that can be reached by single steps, each of which still fails, within half a minute.
pub fn shrink(mut p: Program, fails: &dyn Fn(&Program) -> bool) -> Program {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        match candidates(&p).into_iter().find(|c| c.valid() && Instant::now() < end && fails(c)) {
            Some(c) => p = c,
            None => break,
        }
    }
    p
}

/// Programs that are one step smaller, the largest steps first.
fn candidates(p: &Program) -> Vec<Program> {
    let mut out = Vec::new();
    for t in 1..p.threads.len() {
        if !p.threads[t].is_empty() {
            let mut c = p.clone();
            c.threads[t].clear();
            for ops in &mut c.threads {
                ops.retain(|op| !matches!(*op, Op::Spawn(x) | Op::Join(x) | Op::Unpark(x) if x == t));
            }
            out.push(c);
        }
    }
    for t in 0..p.threads.len() {
        for i in 0..p.threads[t].len() {
            let mut c = p.clone();
            let op = c.threads[t].remove(i);
            // A lock goes with its unlock.
            let partner = match op {
                Op::Lock(m) => Some(Op::Unlock(m)),
                Op::Read(l) => Some(Op::ReadEnd(l)),
                Op::Write(l) => Some(Op::WriteEnd(l)),
                _ => None,
            };
            if let Some(at) = partner.and_then(|e| c.threads[t][i..].iter().position(|o| *o == e)) {
                c.threads[t].remove(i + at);
            }
            out.push(c);
            for (b, body) in p.threads[t][i].bodies().iter().enumerate() {
                // The body instead of its operation, and the body without one of its own.
                let mut c = p.clone();
                c.threads[t].splice(i..=i, body.iter().cloned());
                out.push(c);
                for j in 0..body.len() {
                    let mut c = p.clone();
                    c.threads[t][i].bodies_mut()[b].remove(j);
                    out.push(c);
                }
            }
            if let Op::If { read, .. } = &p.threads[t][i] {
                let mut c = p.clone();
                c.threads[t][i] = (**read).clone();
                out.push(c);
            }
            for op in simpler(&p.threads[t][i]) {
                let mut c = p.clone();
                c.threads[t][i] = op;
                out.push(c);
            }
        }
    }
    out
}

fn weaker(o: Ordering) -> Vec<Ordering> {
    use Ordering::*;
    match o {
        SeqCst => vec![AcqRel, Acquire, Release, Relaxed],
        AcqRel => vec![Acquire, Release, Relaxed],
        Acquire | Release => vec![Relaxed],
        _ => Vec::new(),
    }
}

/// The operation with a weaker ordering, a smaller value or an earlier location, or a simpler one instead.
fn simpler(op: &Op) -> Vec<Op> {
    let load = |o: &Ordering| !matches!(o, Ordering::Release | Ordering::AcqRel);
    let store = |o: &Ordering| !matches!(o, Ordering::Acquire | Ordering::AcqRel);
    let mut out: Vec<Op> = match *op {
        Op::Load(x, o) => weaker(o).into_iter().filter(load).map(|o| Op::Load(x, o)).collect(),
        Op::Store(x, v, o) => weaker(o).into_iter().filter(store).map(|o| Op::Store(x, v, o)).collect(),
        Op::Add(x, v, o) => weaker(o).into_iter().map(|o| Op::Add(x, v, o)).collect(),
        Op::Swap(x, v, o) => weaker(o).into_iter().map(|o| Op::Swap(x, v, o)).collect(),
        Op::Cas { x, expected, new, success, failure, weak } => {
            let cas = |success, failure| Op::Cas { x, expected, new, success, failure, weak };
            let first = weaker(success).into_iter().map(|s| cas(s, failure));
            first.chain(weaker(failure).into_iter().filter(load).map(|f| cas(success, f))).collect()
        }
        Op::Fence(o) => weaker(o).into_iter().filter(|&o| o != Ordering::Relaxed).map(Op::Fence).collect(),
        _ => Vec::new(),
    };
    match *op {
        Op::Store(x, Val::Is(v), o) if v > 1 => out.push(Op::Store(x, Val::Is(v - 1), o)),
        Op::Store(x, Val::Last, o) => out.push(Op::Store(x, Val::Is(1), o)),
        Op::Swap(x, v, o) if v > 1 => out.push(Op::Swap(x, v - 1, o)),
        Op::Load(x, o) if x > 0 => out.push(Op::Load(x - 1, o)),
        Op::Choose(n) if n > 2 => out.push(Op::Choose(n - 1)),
        Op::Increment { x, tries, success, failure, weak } if tries > 1 => {
            out.push(Op::Increment { x, tries: tries - 1, success, failure, weak })
        }
        _ => {}
    }
    out
}
