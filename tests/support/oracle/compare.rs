//! The engine against the oracles, one program at a time.

use super::axioms::{Allowed, Answer, enumerate};
pub use super::facade::scenario as scenario_of;
use super::flow::flow;
use super::interleave::{interleavings, skeleton};
use super::machine::{Still, behaviour};
use super::program::{Op, Program};
use crate::support::plan;
use selvedge::check::engine::{Exploration, Plan, exact};
use selvedge::check::model::Memory;
use selvedge::check::{Kind, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What was compared, for the summary.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    pub programs: u64,
    pub skipped: u64,
    pub racy: u64,
    pub deadlocking: u64,
    /// Graphs under RC11, or outcomes where no graphs are counted.
    pub graphs: u64,
    pub sc_graphs: u64,
}

impl Tally {
    pub fn add(&mut self, o: Tally) {
        self.programs += o.programs;
        self.skipped += o.skipped;
        self.racy += o.racy;
        self.deadlocking += o.deadlocking;
        self.graphs += o.graphs;
        self.sc_graphs += o.sc_graphs;
    }
}

/// The engine's answer; a panic of its own is one too.
pub fn explore(p: &Program, memory: Memory, jobs: usize) -> Result<Exploration, String> {
    // More than any program that the oracles can judge has; a broken engine must not run for hours.
    let plan = Plan { memory, jobs, executions: 200_000, ..plan() };
    catch_unwind(AssertUnwindSafe(|| exact::explore(&scenario_of(p), &plan)))
        .map_err(|e| format!("the engine panicked: {:?}", e.downcast_ref::<&str>()))
}

pub fn words(x: &Exploration) -> BTreeMap<String, u64> {
    x.outcomes.iter().map(|(o, n)| (o.to_string(), *n)).collect()
}

pub fn verdict(x: &Exploration) -> String {
    match &x.failure {
        Some(f) => format!("{} ({})", x.verdict, f.message),
        None => x.verdict.to_string(),
    }
}

/// The differences of two multisets of outcomes.
pub fn differences(engine: &BTreeMap<String, u64>, oracle: &BTreeMap<String, u64>) -> String {
    let mut out = String::new();
    for o in engine.keys().chain(oracle.keys().filter(|o| !engine.contains_key(*o))) {
        let n = |m: &BTreeMap<String, u64>| m.get(o).copied().unwrap_or(0);
        if n(engine) != n(oracle) {
            out += &format!("\n  outcome {o}: engine {}, oracle {}", n(engine), n(oracle));
        }
    }
    out
}

/// One worker and two must say the same.
pub fn same_with_two_jobs(p: &Program, memory: Memory, one: &Exploration) -> Result<(), String> {
    let two = explore(p, memory, 2)?;
    if (&two.verdict, two.executions, &two.outcomes) == (&one.verdict, one.executions, &one.outcomes) {
        return Ok(());
    }
    Err(format!(
        "two jobs differ from one under {memory:?}: {} after {} executions, {} after {}",
        verdict(&two),
        two.executions,
        verdict(one),
        one.executions
    ))
}

/// Where a program with locks can stand still, as programs that end there.
fn deadlocks(p: &Program) -> Vec<Program> {
    if !p.any(|op| matches!(op, Op::Lock(_))) {
        return Vec::new();
    }
    let (waits, at) = skeleton(p);
    let found = interleavings(&waits, usize::MAX).expect("there is no budget");
    let cut = |stand: &Vec<Option<usize>>| {
        let ends = stand.iter().zip(&at).zip(&p.threads);
        let threads = ends.map(|((n, at), ops)| match n {
            None => Vec::new(),
            Some(n) => ops[..at.get(*n).copied().unwrap_or(ops.len())].to_vec(),
        });
        Program { threads: threads.collect() }
    };
    found.deadlocks.iter().map(cut).collect()
}

fn expect(p: &Program, memory: Memory, allowed: &Allowed, racy: bool, deadlocks: bool) -> Result<(), String> {
    let x = explore(p, memory, 1)?;
    let got = || format!("{memory:?}: the engine says {} after {} executions", verdict(&x), x.executions);
    match &x.verdict {
        Verdict::Found { kind: Kind::DataRace, .. } if racy => {}
        Verdict::Found { kind: Kind::Deadlock, .. } if deadlocks => {}
        _ if racy || deadlocks => {
            return Err(format!("{}; the oracle has a race: {racy}, a deadlock: {deadlocks}", got()));
        }
        Verdict::Exhausted => {
            let engine = words(&x);
            if engine != allowed.outcomes || x.executions != allowed.total() {
                return Err(format!(
                    "{}, the oracle {} graphs{}",
                    got(),
                    allowed.total(),
                    differences(&engine, &allowed.outcomes)
                ));
            }
        }
        _ => return Err(format!("{}; the oracle: {} graphs, no failure", got(), allowed.total())),
    }
    same_with_two_jobs(p, memory, &x)
}

/// Compares the engine with the oracles on a straight-line program, under both memory models; `None` if the
/// program has more than `budget` candidates.
pub fn straight_line(p: &Program, budget: u64) -> Option<Result<Tally, String>> {
    let Answer { rc11, sc } = enumerate(p, budget)?;
    let stands = deadlocks(p);
    let (mut racy, mut racy_sc) = (rc11.racy, sc.racy);
    for stand in &stands {
        let a = enumerate(stand, budget)?;
        racy |= a.rc11.racy;
        racy_sc |= a.sc.racy;
    }
    let run = || {
        // The oracles must agree with each other first: they share no code either.
        if let Some(i) = interleavings(p, 200_000)
            && !sc.racy
        {
            let deadlock = i.deadlocks.is_empty() == stands.is_empty();
            if i.graphs != sc.graphs || i.outcomes != sc.outcomes || !deadlock {
                return Err(format!(
                    "the oracles disagree: {} interleaved, {} by the axioms; deadlocks {} and {}",
                    i.graphs.len(),
                    sc.graphs.len(),
                    i.deadlocks.len(),
                    stands.len()
                ));
            }
        }
        expect(p, Memory::Rc11, &rc11, racy, !stands.is_empty())?;
        expect(p, Memory::Sc, &sc, racy_sc, !stands.is_empty())?;
        let free = !racy && stands.is_empty();
        Ok(Tally {
            programs: 1,
            skipped: 0,
            racy: racy as u64,
            deadlocking: !stands.is_empty() as u64,
            graphs: if free { rc11.total() } else { 0 },
            sc_graphs: if free { sc.total() } else { 0 },
        })
    };
    Some(run())
}

/// Compares the engine with the guessing oracle on a program with branches, choices and waits for values.
pub fn control_flow(p: &Program, budget: u64) -> Option<Result<Tally, String>> {
    let f = flow(p, budget)?;
    let run = || {
        let mut tally = Tally { programs: 1, ..Tally::default() };
        for (memory, allowed, stuck) in
            [(Memory::Rc11, &f.answer.rc11, f.stuck), (Memory::Sc, &f.answer.sc, f.stuck_sc)]
        {
            let x = explore(p, memory, 1)?;
            let engine = words(&x);
            let racy = allowed.racy;
            let good = match &x.verdict {
                Verdict::Found { kind: Kind::Livelock, .. } => stuck,
                Verdict::Found { kind: Kind::DataRace, .. } => racy,
                Verdict::Exhausted => !stuck && !racy && engine == allowed.outcomes,
                _ => false,
            };
            if !good {
                return Err(format!(
                    "{memory:?}: the engine says {} after {} executions; the oracle: {} graphs, stuck: {stuck}, \
                     racy: {racy}{}",
                    verdict(&x),
                    x.executions,
                    allowed.total(),
                    differences(&engine, &allowed.outcomes)
                ));
            }
            same_with_two_jobs(p, memory, &x)?;
            let graphs = if memory == Memory::Rc11 { &mut tally.graphs } else { &mut tally.sc_graphs };
            *graphs = if stuck || racy { 0 } else { allowed.total() };
            tally.deadlocking |= stuck as u64;
            tally.racy |= racy as u64;
        }
        Ok(tally)
    };
    Some(run())
}

/// Compares the engine under SC with the machine: sets of outcomes, and whether and how threads can stand still.
/// Under RC11 there must be no less.
pub fn blocking(p: &Program, budget: usize) -> Option<Result<Tally, String>> {
    let b = behaviour(p, budget)?;
    let run = || {
        let x = explore(p, Memory::Sc, 1)?;
        let engine = words(&x).into_keys().collect();
        let good = match &x.verdict {
            Verdict::Found { kind: Kind::LostWakeup, .. } => b.still.contains(&Still::LostWakeup),
            Verdict::Found { kind: Kind::Livelock, .. } => b.still.contains(&Still::Livelock),
            Verdict::Found { kind: Kind::Deadlock, .. } => b.still.contains(&Still::Deadlock),
            Verdict::Exhausted => b.still.is_empty() && !b.bounded && b.outcomes == engine,
            Verdict::Bounded { .. } => b.still.is_empty() && b.bounded && b.outcomes == engine,
            Verdict::Inconclusive { why } if why == "no complete execution" => {
                b.still.is_empty() && b.outcomes.is_empty()
            }
            _ => false,
        };
        if !good {
            let only =
                |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
            return Err(format!(
                "the engine says {} after {} executions; the machine: {} outcomes, stands still: {:?}\n  only the engine: \
                 {:?}\n  only the machine: {:?}",
                verdict(&x),
                x.executions,
                b.outcomes.len(),
                b.still,
                only(&engine, &b.outcomes),
                only(&b.outcomes, &engine)
            ));
        }
        same_with_two_jobs(p, Memory::Sc, &x)?;
        // RC11 allows all that SC allows, and more.
        let weak = explore(p, Memory::Rc11, 1)?;
        let weak_words: BTreeSet<String> = words(&weak).into_keys().collect();
        let good = match &weak.verdict {
            Verdict::Found { kind: Kind::LostWakeup | Kind::Livelock | Kind::Deadlock, .. } => true,
            Verdict::Exhausted | Verdict::Bounded { .. } => {
                b.still.is_empty() && weak_words.is_superset(&b.outcomes)
            }
            Verdict::Inconclusive { why } if why == "no complete execution" => b.outcomes.is_empty(),
            _ => false,
        };
        if !good {
            let lost: Vec<&String> = b.outcomes.difference(&weak_words).collect();
            let (v, still) = (verdict(&weak), &b.still);
            return Err(format!(
                "RC11: the engine says {v}; SC stands still: {still:?}; SC alone has {lost:?}"
            ));
        }
        Ok(Tally {
            programs: 1,
            graphs: weak.executions,
            deadlocking: !b.still.is_empty() as u64,
            sc_graphs: x.executions,
            ..Tally::default()
        })
    };
    Some(run())
}
