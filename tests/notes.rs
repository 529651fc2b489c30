//! `check::note`: what a thread says it is about to do stands in the trace at its next operation, under each engine,
//! and is neither an operation nor a point of scheduling.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::engine::{Exploration, Plan, exact, loom, shuttle};
use selvedge::check::model::{Scenario, Strategy};
use selvedge::check::runner::trace::Trace;
use selvedge::check::{always, note};
use selvedge::sync::atomic::{AtomicU32, Ordering::*};
use selvedge::sync::{Arc, Named, thread};
use std::collections::BTreeSet;
use support::{plan, scenario};

const ENGINES: [fn(&Scenario, &Plan) -> Exploration; 3] = [loom::explore, shuttle::explore, exact::explore];

fn publishes(notes: bool) -> Scenario {
    let say = move |text: &str| {
        if notes {
            note(|| text.to_owned())
        }
    };
    scenario(move || {
        let flag = Arc::new(AtomicU32::new(0).named("flag"));
        let theirs = flag.clone();
        let t = thread::spawn(move || {
            say("raises");
            say("at last");
            theirs.store(1, Release);
        });
        say("looks");
        let seen = flag.load(Acquire);
        say("judges");
        always("down", seen == 0, || format!("saw {seen}"));
        t.join().unwrap();
        ""
    })
}

#[test]
fn notes_stand_at_the_next_operation_of_their_thread() {
    for explore in ENGINES {
        let x = explore(&publishes(true), &Plan { strategy: Strategy::Dfs, ..plan() });
        let trace = Trace::of(&x.failure.expect("main can see the flag raised"));
        let noted: Vec<(&str, &str)> = (trace.events.iter().filter(|e| !e.note.is_empty()))
            .map(|e| (e.note.as_str(), e.op.as_str()))
            .collect();
        assert_eq!(noted, [("raises; at last", "store"), ("looks", "load")]);
        // No operation followed this one.
        assert_eq!(trace.threads[0].note, "judges");
    }
}

#[test]
fn notes_change_no_execution() {
    for explore in ENGINES {
        let [plain, noted] = [false, true]
            .map(|notes| explore(&publishes(notes), &Plan { strategy: Strategy::Dfs, ..plan() }));
        let steps = |x: &Exploration| x.failure.as_ref().map(|f| f.events.len());
        assert_eq!(
            (plain.executions, plain.verdict.clone(), steps(&plain)),
            (noted.executions, noted.verdict.clone(), steps(&noted))
        );
    }
}

/// Nobody listens while an engine searches: what it keeps of an outcome is executed once more for what is said in it.
#[test]
fn executions_that_stand_for_outcomes_have_notes() {
    for explore in ENGINES {
        let seen = scenario(|| {
            let flag = Arc::new(AtomicU32::new(0).named("flag"));
            let theirs = flag.clone();
            let t = thread::spawn(move || {
                note(|| "raises".to_owned());
                theirs.store(1, Release);
            });
            note(|| "looks".to_owned());
            let up = flag.load(Acquire) == 1;
            t.join().unwrap();
            if up { "up" } else { "down" }
        });
        let x = explore(&seen, &Plan { strategy: Strategy::Dfs, ..plan() });
        let words: Vec<&str> = x.census.witnesses.keys().map(|o| &**o).collect();
        assert_eq!(words, ["down", "up"]);
        for (outcome, witness) in &x.census.witnesses {
            let said: BTreeSet<&str> = witness.notes.iter().map(|n| n.2.as_str()).collect();
            assert_eq!(said, BTreeSet::from(["looks", "raises"]), "{outcome}");
        }
    }
}
