//! What it costs to make a counterexample short: over every counterexample of the catalogue that is shrunk, that is, all of
//! shuttle's (replays of sparser schedules, then all schedules with fewer preemptions) and of exact's (its second phase:
//! the search for the execution that reads best). loom's are shown as found.
//!
//! Each is made in a worker process, as the gate does it, at the quick budget, one after the other so that none waits for
//! another. Processor time is of the worker; on a busy machine it says more than the clock on the wall. Fails if one of
//! them takes more than [`MOST`].
//!
//! `cargo run --release -p selvedge-bench --features checked --bin shortening`

use selvedge::check::model::Budget;
use selvedge::check::runner::case::{Selection, select};
use selvedge::check::runner::{self, Event, limits::Limits};
use selvedge::check::{EngineKind, Expect, worker};

/// Models compare pointers: an address must not come back within an execution.
#[global_allocator]
static ALLOCATOR: selvedge::check::Quarantine = selvedge::check::Quarantine;

/// Seconds that a counterexample may take, on two processors. One is enough: nothing here runs in parallel.
const MOST: f64 = 10.0;

fn main() {
    let catalogue = selvedge_models::catalogue();
    // The runner starts this binary again for each check.
    worker::serve(&catalogue);
    let limits = Limits::of(Budget::Quick).expect("limits");
    let mut cases = select(&catalogue, &Selection::default());
    cases.retain(|c| matches!(c.engine, EngineKind::Shuttle | EngineKind::Exact));
    cases.retain(|c| matches!(c.expect, Expect::Found(_)));
    // (processor, wall, steps, whose)
    let mut all: Vec<(f64, f64, usize, String)> = Vec::new();
    let mut left_as_found = Vec::new();
    let outcome = runner::run(cases, 1, limits, |event| {
        let Event::Reported(r) = event else { return };
        let steps = r.trace.as_ref().map_or(0, |t| t.events.len());
        match r.shortening {
            Some(s) => all.push((s.processor.unwrap_or(s.seconds), s.seconds, steps, r.case.identity())),
            None if r.trace.is_some() => left_as_found.push(r.case.identity()),
            None => panic!("{}: {}, so there is nothing to measure", r.case.identity(), r.verdict),
        }
    });
    assert!(outcome.broken.is_none() && !outcome.interrupted, "{outcome:?}");
    for (engine, what) in [("shuttle", "shrinking"), ("exact", "second phase")] {
        let mut of = all.clone();
        of.retain(|x| x.3.contains(&format!("/{engine}")));
        assert!(!of.is_empty(), "{engine} has found nothing");
        of.sort_by(|a, b| b.0.total_cmp(&a.0));
        let walls = of.iter().map(|x| x.1).fold(0.0, f64::max);
        println!(
            "{engine}, {what}: {} counterexamples; processor time: median {:.3} s, longest {:.3} s; wall clock: longest {:.3} s",
            of.len(),
            of[of.len() / 2].0,
            of[0].0,
            walls
        );
        for (processor, wall, steps, whose) in of.iter().take(5) {
            println!("  {processor:>7.3} s  ({wall:>7.3} s by the clock)  {steps:>3} steps  {whose}");
        }
    }
    for whose in &left_as_found {
        println!("left as found, for it is too long to be replayed: {whose}");
    }
    let (longest, _, _, whose) = all.iter().max_by(|a, b| a.0.total_cmp(&b.0)).expect("some");
    assert!(*longest <= MOST, "{whose} takes {longest:.1} s, and may take {MOST} s");
}
