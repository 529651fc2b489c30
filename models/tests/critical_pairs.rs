//! The pair of steps that a counterexample calls critical decides: over the whole catalogue, by running it again; and for
//! some faults, which pair it is, by what its steps are.
//!
//! In this process, with two engines, so not under `--cfg loom` or `--cfg shuttle`.
#![cfg(not(any(loom, shuttle)))]

use selvedge::check::engine::Plan;
use selvedge::check::model::{EngineKind, Grade, Model, Scenario, Variant};
use selvedge::check::run::{Failure, Flip};
use selvedge::check::runner::case::{Case, Selection, select};
use selvedge::check::runner::trace::Trace;
use selvedge::check::worker::{self, critical};
use selvedge::check::{Catalogue, Expect};
use std::process::Command;

/// The failure that the check finds, with the pair that decides.
fn found(catalogue: &Catalogue, case: &Case) -> Option<(Scenario, Plan, Box<Failure>)> {
    let model: &Model = catalogue.models().iter().find(|m| m.name == case.model)?;
    let variant: &Variant = model.variants.iter().find(|v| v.name == case.variant)?;
    let forbidden =
        model.outcomes.iter().filter(|o| o.grade == Grade::Forbidden).map(|o| (o.word, o.sentence));
    let scenario = worker::watch(variant.scenario.clone(), forbidden.collect());
    let mut failure = worker::explore(case.engine, &scenario, &case.plan, None).failure?;
    critical::decide(&scenario, &case.plan, &mut failure);
    Some((scenario, case.plan.clone(), failure))
}

#[test]
fn every_critical_pair_of_the_catalogue_decides_when_it_is_run_again() {
    let catalogue = selvedge_models::catalogue();
    let (mut pairs, mut none, mut cut_short) = (0, Vec::new(), Vec::new());
    let cases = select(&catalogue, &Selection::default()).into_iter();
    let looks = |c: &Case| matches!(c.engine, EngineKind::Exact | EngineKind::Shuttle);
    for case in cases.filter(|c| looks(c) && matches!(c.expect, Expect::Found(_))) {
        let name = case.identity();
        // Without the allocator of the command, what compares addresses may find nothing.
        let Some((scenario, plan, failure)) = found(&catalogue, &case) else {
            none.push(name);
            continue;
        };
        let t = Trace::of(&failure);
        if let Flip::NoSingle { all: false, .. } = failure.flip {
            cut_short.push(name.clone());
        }
        if !matches!(failure.flip, Flip::Pair { .. } | Flip::Answer { .. }) {
            none.push(name);
            continue;
        }
        assert!(critical::holds(&scenario, &plan, &failure), "{name}: {:?}", failure.flip);
        pairs += 1;
        // Both steps are done in the execution that passes, and there the other way round.
        let [held, other] = t.critical[..] else { continue };
        let place = |i: usize| {
            let of = |e: &&(usize, _)| e.1 == t.events[i].thread;
            let nth = t.events[..i].iter().filter(|e| e.thread == t.events[i].thread).count();
            let log: Vec<(usize, usize)> = t.passing.iter().enumerate().map(|(n, e)| (n, e.thread)).collect();
            log.iter().filter(of).nth(nth).map(|(n, _)| *n)
        };
        let (first, second) = (place(other).expect("what came first"), place(held));
        assert!(second.is_none_or(|s| first < s), "{name}: {first} {second:?}");
        assert_eq!(t.passing[first].op, t.events[other].op, "{name}");
    }
    assert!(pairs >= 60, "only {pairs} pairs, none for {none:?}");
    // The bound of work is for what is much larger than what people read.
    assert!(cut_short.len() <= 1, "{cut_short:?}");
}

/// The steps that are called critical, as the table of `show` has them.
fn shown(binary: &str, name: &str) -> (String, [String; 2]) {
    let out = Command::new(binary).args(["show", name]).output().expect("the command starts");
    let text = String::from_utf8(out.stdout).expect("text");
    let from = text.find("counterexample of").expect("a counterexample");
    let words = text[from..].split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, pair) = words.split_once("critical pair: ").unwrap_or_else(|| panic!("{name}: no pair\n{text}"));
    let (a, b) = pair.split_once(" <-> ").expect("two steps");
    let number = |s: &str| s.chars().take_while(char::is_ascii_digit).collect::<String>();
    let row = |n: String| {
        let is = |l: &&str| l.get(..6).is_some_and(|f| f.trim().trim_start_matches('.') == n);
        let mut lines = text[from..].lines().skip_while(|l| !is(l));
        let first = lines.next().unwrap_or_else(|| panic!("{name}: no row {n}\n{text}")).to_owned();
        // A row may be broken into several lines.
        lines.take_while(|l| l.starts_with("       ")).fold(first, |all, l| all + " " + l.trim())
    };
    (text.clone(), [row(number(a)), row(number(b))])
}

/// What a reader who knows the incidents would name, not merely something that happens to pass.
#[test]
fn the_pair_is_the_check_and_what_came_too_late() {
    let planted = env!("CARGO_BIN_EXE_selvedge-planted");
    let selvedge = env!("CARGO_BIN_EXE_selvedge");
    for (binary, name, held, late) in [
        (planted, "planted/assertion", "load hits -> 0", "store hits = 1"),
        (planted, "planted/leak", "swap slot", "store slot"),
        (planted, "planted/livelock", "store open = false", "load open -> false"),
        (selvedge, "unlocked_slot/read_then_null", "load slot", "store slot"),
        (selvedge, "session_id_reuse/id_only", "opens incarnation 2", "table"),
        (selvedge, "session_id_reuse/check_then_apply", "sends bind 2", "applies the"),
        (selvedge, "session_id_reuse/narrow_generation", "bind 3", "receives the"),
        (selvedge, "torn_record/head_under_lock", "records event 2", "store head = 1"),
        (selvedge, "torn_record/in_logger_flag", "records event 2", "store in_logger"),
        (selvedge, "paged_read/compare_around", "swap connection", "load connection"),
        (selvedge, "session_table_free_list/list_of_indexes", "CAS free.head", "CAS free.head"),
        (selvedge, "vserver_swap/shared_mutation", "store vserver", "load vserver"),
        (selvedge, "reconnect_early_wake/both_wakes_removed", "socket", "socket"),
        (selvedge, "overlapping_ems/send_switched", "puts a copy of its backup", "load connection"),
        (selvedge, "unlocked_slot/timer_arbiter", "store slot = 128", "store slot = 0"),
    ] {
        let (text, [a, b]) = shown(binary, name);
        // A row may be broken between words, with other columns in between.
        let has = |row: &str, words: &str| words.split(' ').all(|w| row.contains(w));
        assert!(has(&a, held), "{name}: {held} is not in {a}\n{text}");
        assert!(has(&b, late), "{name}: {late} is not in {b}\n{text}");
    }
}
