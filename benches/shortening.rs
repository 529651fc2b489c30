//! What it costs to make a counterexample short: over every counterexample of the catalogue that is shrunk, that is, all of
//! shuttle's (replays of sparser schedules, then all schedules with fewer preemptions) and of exact's (its second phase:
//! the search for the execution that reads best). loom's are shown as found.
//!
//! And what it achieves: the preemptions of shuttle's random finds, raw and shrunk. The programs of the catalogue are as
//! short as they can be, and so are their raw finds; so the same bugs are looked for once more with [`BUSY`] threads beside
//! them that do [`OPERATIONS`] operations each on counters of their own, as in a test of a whole application.
//!
//! Each is made in a worker process, as the gate does it, at the quick budget, one after the other so that none waits for
//! another. Processor time is of the worker; on a busy machine it says more than the clock on the wall. Fails if one of
//! them takes more than [`MOST`].
//!
//! `cargo run --release -p selvedge-bench --features checked --bin shortening`

use selvedge::check::model::{Budget, Discipline, Scenario, Strategy};
use selvedge::check::runner::case::{Case, Selection, select};
use selvedge::check::runner::trace::Size;
use selvedge::check::runner::{self, Event, limits::Limits};
use selvedge::check::{Catalogue, EngineKind, Expect, Model, Variant, worker};
use selvedge::sync::{AtomicU32, Named, Ordering, thread};
use std::sync::Arc;

/// Models compare pointers: an address must not come back within an execution.
#[global_allocator]
static ALLOCATOR: selvedge::check::Quarantine = selvedge::check::Quarantine;

/// Seconds that a counterexample may take, on two processors. One is enough: nothing here runs in parallel.
const MOST: f64 = 10.0;

/// Threads beside the bug, and what each of them does.
const BUSY: usize = 4;
const OPERATIONS: usize = 25;

/// The models' bugs among busy threads, under names of their own.
fn among_busy_threads(catalogue: &Catalogue) -> Catalogue {
    let busy = |scenario: &Scenario| -> Scenario {
        let scenario = scenario.clone();
        Arc::new(move || {
            let others: Vec<_> = (0..BUSY)
                .map(|i| {
                    thread::spawn(move || {
                        let own = AtomicU32::new(0).named(format!("work of {i}"));
                        for _ in 0..OPERATIONS {
                            own.fetch_add(1, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            let outcome = scenario();
            others.into_iter().for_each(|t| t.join().expect("does not panic"));
            outcome
        })
    };
    catalogue.models().iter().fold(Catalogue::new(), |all, m| {
        let name: &'static str = Box::leak(format!("{}_{LONG}", m.name).into_boxed_str());
        let variants = m.variants.iter().map(|v| Variant { scenario: busy(&v.scenario), ..v.clone() });
        all.model(Model { name, variants: variants.collect(), ..m.clone() })
    })
}

/// What their names end with.
const LONG: &str = "among_busy_threads";

/// One counterexample.
struct Made {
    processor: f64,
    seconds: f64,
    size: Size,
    /// As it was found.
    raw: Size,
    /// No execution with fewer preemptions fails.
    certified: bool,
    minimal: String,
    whose: String,
}

/// Makes those of `cases`; the names of those that are left as found, for they are too long, and of those not found.
fn make(cases: Vec<Case>) -> (Vec<Made>, [Vec<String>; 2]) {
    let limits = Limits::of(Budget::Quick).expect("limits");
    let (mut all, mut left_as_found, mut missed) = (Vec::new(), Vec::new(), Vec::new());
    let outcome = runner::run(cases, 1, limits, |event| {
        let Event::Reported(r) = event else { return };
        let whose = r.case.identity();
        let Some(t) = &r.trace else { return missed.push(whose) };
        let Some(s) = r.shortening else { return left_as_found.push(whose) };
        all.push(Made {
            processor: s.processor.unwrap_or(s.seconds),
            seconds: s.seconds,
            size: t.size(),
            raw: t.raw.unwrap_or(t.size()),
            certified: (t.minimal.contains("(certified)") && !t.minimal.contains("this one has"))
                || t.minimal.starts_with("no preemption is needed"),
            minimal: t.minimal.clone(),
            whose,
        });
    });
    assert!(outcome.broken.is_none() && !outcome.interrupted, "{outcome:?}");
    (all, [left_as_found, missed])
}

fn main() {
    let catalogue = selvedge_models::catalogue();
    let long = among_busy_threads(&catalogue);
    // The runner starts this binary again for each check.
    worker::serve(&long.models().iter().fold(catalogue.clone(), |all, m| all.model(m.clone())));

    let mut cases = select(&catalogue, &Selection::default());
    cases.retain(|c| matches!(c.engine, EngineKind::Shuttle | EngineKind::Exact));
    cases.retain(|c| matches!(c.expect, Expect::Found(_)));
    let (all, others) = make(cases);
    for (engine, what) in [("shuttle", "shrinking"), ("exact", "second phase")] {
        cost(what, engine, &all);
    }
    achieved("of the catalogue", &all);
    for whose in &others[0] {
        println!("left as found, for it is too long to be replayed: {whose}");
    }
    for whose in &others[1] {
        println!("not found: {whose}");
    }

    let mut cases = select(&long, &Selection::default());
    cases.retain(|c| c.strategy == Some(Strategy::Random) && c.discipline == Discipline::default());
    cases.retain(|c| matches!(c.expect, Expect::Found(_)));
    let (long, others) = make(cases);
    cost("shrinking", "shuttle", &long);
    achieved("among busy threads", &long);
    for whose in &others[0] {
        println!("left as found, for it is too long to be replayed: {whose}");
    }
    for whose in &others[1] {
        println!("not found: {whose}");
    }

    let longest = all.iter().chain(&long).max_by(|a, b| a.processor.total_cmp(&b.processor)).expect("some");
    let (whose, took) = (&longest.whose, longest.processor);
    assert!(took <= MOST, "{whose} takes {took:.1} s, and may take {MOST} s");
}

fn cost(what: &str, engine: &str, all: &[Made]) {
    let mut of: Vec<&Made> = all.iter().filter(|m| m.whose.contains(&format!("/{engine}"))).collect();
    assert!(!of.is_empty(), "{engine} has found nothing");
    of.sort_by(|a, b| b.processor.total_cmp(&a.processor));
    println!(
        "{engine}, {what}: {} counterexamples; processor time: median {:.3} s, longest {:.3} s; wall clock: longest {:.3} s",
        of.len(),
        of[of.len() / 2].processor,
        of[0].processor,
        of.iter().map(|m| m.seconds).fold(0.0, f64::max)
    );
    for m in of.iter().take(5) {
        let (steps, whose) = (m.size.steps, &m.whose);
        println!("  {:>7.3} s  ({:>7.3} s by the clock)  {steps:>3} steps  {whose}", m.processor, m.seconds);
    }
}

/// Preemptions of shuttle's random finds, raw and shrunk.
fn achieved(which: &str, all: &[Made]) {
    let of: Vec<&Made> = all.iter().filter(|m| m.whose.ends_with("/shuttle/random")).collect();
    let sum = |f: fn(&Made) -> usize| of.iter().map(|m| f(m)).sum::<usize>();
    let (raw, shrunk) = (sum(|m| m.raw.preemptions), sum(|m| m.size.preemptions));
    println!(
        "preemptions {which}: {} finds of shuttle's random search, raw {raw}, shrunk {shrunk}: {:.3} of it; {} certified; steps {} and {}",
        of.len(),
        shrunk as f64 / raw as f64,
        of.iter().filter(|m| m.certified).count(),
        sum(|m| m.raw.steps),
        sum(|m| m.size.steps),
    );
    let not = of.iter().filter(|m| !m.certified);
    for m in not {
        let (raw, shrunk) = (m.raw.preemptions, m.size.preemptions);
        println!("  {raw:>3} -> {shrunk}, {}  {}", m.minimal, m.whose);
    }
}
