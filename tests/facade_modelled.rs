//! The facade's API inside models: the programs of `tests/api` under each engine.
//!
//! Every program must hold under every engine, except where the engine refuses an operation; which ones it refuses
//! is pinned down here, so that a refusal that appears or disappears is noticed.
#![cfg(any(feature = "check", loom, shuttle))]

mod api;
mod models;

use models::{explore, plan};
use selvedge::check::Verdict;
use selvedge::check::engine::{self, Explore};

/// Runs all programs; `refused` are those that must be out of reach, `open` those that must not pass.
fn every_program(
    engine: Explore,
    executions: u64,
    refused: &[&str],
    open: &[&str],
    passed: impl Fn(&Verdict) -> bool,
) {
    let mut wrong = Vec::new();
    let plan = plan(executions);
    for (name, program) in api::ALL {
        let got = explore(engine, &plan, || {
            program();
            "done"
        });
        let as_expected = match &got.verdict {
            Verdict::OutOfReach { .. } => refused.contains(name),
            verdict => {
                let passed = passed(verdict) && got.executions > 0;
                passed != open.contains(name) && !refused.contains(name)
            }
        };
        if !as_expected {
            let message = got.failure.map_or(String::new(), |f| f.message);
            wrong.push(format!("{name}: {} {message}", got.verdict));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}

#[cfg(not(any(loom, shuttle)))]
#[test]
fn every_method_under_native() {
    every_program(engine::native::explore, 50, &[], &[], |v| matches!(v, Verdict::NotFound { n: 50 }));
}

#[cfg(not(loom))]
#[test]
fn every_method_under_shuttle() {
    every_program(engine::shuttle::explore, 500, &[], &[], |v| matches!(v, Verdict::NotFound { n: 500 }));
}

#[cfg(not(shuttle))]
#[test]
fn every_method_under_loom() {
    let refused = [
        // Failing try_lock.
        "mutexes",
        "rwlocks",
        // Timeouts.
        "timed_waits",
        "channels",
        "parking",
        // Choices.
        "hints_and_choices",
        "deadlines",
    ];
    every_program(engine::loom::explore, 1 << 20, &refused, &[], |v| matches!(v, Verdict::Bounded { k: 1 }));
}

/// Programs that exact does not get right yet; each must fail here until it does.
#[cfg(not(any(loom, shuttle)))]
const OPEN: &[&str] = &[];

#[cfg(not(any(loom, shuttle)))]
#[test]
fn every_method_under_exact() {
    every_program(engine::exact::explore, 20_000, &[], OPEN, |v| *v == Verdict::Exhausted);
}
