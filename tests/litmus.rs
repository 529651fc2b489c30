//! The litmus table, confirmed: by an oracle that enumerates all candidate executions, and by the exact engine, which
//! must agree with it outcome by outcome. Then what shuttle shows of it. loom is put to the test by the command,
//! which isolates it: `models/tests/litmus.rs`.
//!
//! Engines side by side, so not under `--cfg loom` or `--cfg shuttle`, which leave one.
#![cfg(all(feature = "check", not(any(loom, shuttle))))]
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::litmus::program::{Instr, LOCS, Loc, Op};
use selvedge::check::litmus::run::observe;
use selvedge::check::litmus::subject::{SUBJECTS, Subject};
use selvedge::check::litmus::{Outcomes, RACE, Test, interpret, tests};
use selvedge::check::model::{EngineKind, Memory};
use std::collections::BTreeSet;
use support::oracle::axioms::{Allowed, Want, enumerate, enumerate_where};
use support::oracle::program as straight;

/// A path through a test: which guarded operations are reached, and which weak exchanges fail for no reason. On a
/// path a program is a straight line.
struct Path {
    /// For each operation of each thread.
    steps: Vec<Vec<Step>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Done,
    Skipped,
    Spurious,
}

fn paths(test: &Test) -> Vec<Path> {
    let mut all = vec![Vec::new()];
    for i in test.threads.iter().flat_map(|t| t.iter()) {
        let mut ways = vec![Step::Done];
        if i.only_if.is_some() {
            ways.push(Step::Skipped);
        }
        if matches!(i.op, Op::Cas { weak: true, .. }) {
            ways.push(Step::Spurious);
        }
        all = all
            .iter()
            .flat_map(|p: &Vec<Step>| ways.iter().map(|w| p.iter().copied().chain([*w]).collect()))
            .collect();
    }
    let split = |flat: Vec<Step>| {
        let mut flat = flat.into_iter();
        Path { steps: test.threads.iter().map(|t| flat.by_ref().take(t.len()).collect()).collect() }
    };
    all.into_iter().map(split).collect()
}

fn straight_op(op: Op, step: Step, atomics: &[Loc]) -> straight::Op {
    let index = |at: Loc| atomics.iter().position(|&a| a == at).expect("the program uses it");
    match op {
        Op::Store(at, v, o) => straight::Op::Store(index(at), straight::Val::Is(v.into()), o),
        Op::Load(at, o) => straight::Op::Load(index(at), o),
        Op::Add(at, v, o) => straight::Op::Add(index(at), v.into(), o),
        Op::Swap(at, v, o) => straight::Op::Swap(index(at), v.into(), o),
        Op::Cas { at, failure, .. } if step == Step::Spurious => straight::Op::Load(index(at), failure),
        Op::Cas { at, expected, new, success, failure, .. } => straight::Op::Cas {
            x: index(at),
            expected: expected.into(),
            new: new.into(),
            success,
            failure,
            weak: false,
        },
        Op::Fence(o) => straight::Op::Fence(o),
        Op::Put(v) => straight::Op::CellWrite(0, v.into()),
        Op::Get => straight::Op::CellRead(0),
    }
}

fn uses(i: &Instr, loc: Loc) -> bool {
    match i.op {
        Op::Store(at, ..) | Op::Load(at, ..) | Op::Add(at, ..) | Op::Swap(at, ..) | Op::Cas { at, .. } => {
            at == loc
        }
        Op::Fence(_) | Op::Put(_) | Op::Get => false,
    }
}

/// What the oracle allows: outcomes under RC11 and under SC, and whether there is a race under RC11.
fn oracle(test: &Test) -> (Outcomes, Outcomes, bool) {
    let all = || test.threads.iter().flat_map(|t| t.iter());
    let atomics: Vec<Loc> = LOCS.into_iter().filter(|&l| all().any(|i| uses(i, l))).collect();
    let (mut rc11, mut sc, mut racy) = (Outcomes::new(), Outcomes::new(), false);
    for path in paths(test) {
        let ops = |(thread, steps): (&&[Instr], &Vec<Step>)| -> Vec<straight::Op> {
            let reached = thread.iter().zip(steps).filter(|(_, s)| **s != Step::Skipped);
            reached.map(|(i, s)| straight_op(i.op, *s, &atomics)).collect()
        };
        let program = straight::Program::of(test.threads.iter().zip(&path.steps).map(ops).collect());
        let answer = enumerate(&program, u64::MAX).expect("there is no budget");
        let on_path = |allowed: &Allowed| -> Vec<(Vec<straight::Reads>, String)> {
            let keys = allowed.outcomes.keys();
            keys.filter_map(|k| Some((reads_of(k), letters(test, &path, &atomics, k)?))).collect()
        };
        for (reads, word) in on_path(&answer.rc11) {
            let want =
                Want { results: reads.clone(), reads, final_reads: Vec::new(), atomics: atomics.len() };
            let graphs = enumerate_where(&program, u64::MAX, &want).expect("there is no budget");
            racy |= graphs.rc11.racy;
            rc11.insert(interpret::spell(test, &word));
        }
        sc.extend(on_path(&answer.sc).iter().map(|(_, word)| interpret::spell(test, word)));
    }
    (rc11, sc, racy)
}

/// `r,r / r | f,f`, the oracle's outcome, taken apart: what each thread read. Thread 0 only spawns and joins.
fn reads_of(outcome: &str) -> Vec<straight::Reads> {
    let (reads, _) = outcome.split_once(" | ").expect("an outcome has finals");
    let numbers = |t: &str| t.split(',').filter(|n| !n.is_empty()).map(|n| n.parse().unwrap()).collect();
    reads.split(" / ").map(|t| numbers(t.trim())).collect()
}

/// The outcome in the letters of the table; `None` if it is not one of this path.
fn letters(test: &Test, path: &Path, atomics: &[Loc], outcome: &str) -> Option<String> {
    let mut registers: Vec<char> = Vec::new();
    for ((thread, steps), reads) in test.threads.iter().zip(&path.steps).zip(reads_of(outcome).iter().skip(1))
    {
        let mut reads = reads.iter();
        for (i, step) in thread.iter().zip(steps) {
            if let Some((reg, value)) = i.only_if {
                let holds = registers[reg as usize] == char::from(b'0' + value);
                if holds != (*step != Step::Skipped) {
                    return None;
                }
            }
            if !i.reads() {
                continue;
            }
            registers.push(match (i.op, step) {
                (_, Step::Skipped) => '-',
                (Op::Cas { expected, .. }, Step::Spurious) => {
                    // A weak exchange that fails for another value is one that is tried.
                    if *reads.next()? != u64::from(expected) {
                        return None;
                    }
                    'f'
                }
                (Op::Cas { .. }, _) => digit(reads.next()? >> 1),
                _ => digit(*reads.next()?),
            });
        }
    }
    let (_, finals) = outcome.split_once(" | ").expect("an outcome has finals");
    let finals: Vec<u64> = finals.split(',').filter(|f| !f.is_empty()).map(|f| f.parse().unwrap()).collect();
    let of = |at: &Loc| digit(finals[atomics.iter().position(|a| a == at).expect("the program uses it")]);
    Some(registers.into_iter().chain(test.finals.iter().map(of)).collect())
}

fn digit(n: u64) -> char {
    char::from_digit(n.try_into().unwrap(), 10).expect("values have one digit")
}

/// The table says what the oracle says.
#[test]
fn an_oracle_confirms_the_table() {
    let mut wrong = Vec::new();
    for test in tests() {
        let (rc11, sc, racy) = oracle(test);
        if racy != test.is_racy() {
            wrong.push(format!("{}: has it a race? {racy}", test.name));
        }
        if !racy && rc11 != test.under_rc11() {
            wrong.push(format!("{} under RC11: {:?}, not {:?}", test.name, rc11, test.under_rc11()));
        }
        if !racy && sc != test.under_sc() {
            wrong.push(format!("{} under SC: {:?}, not {:?}", test.name, sc, test.under_sc()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_is_complete_and_in_order() {
    let names: BTreeSet<&str> = tests().map(|t| t.name).collect();
    assert!(names.len() >= 40);
    assert_eq!(names.len(), tests().count(), "two tests have one name");
    for test in tests() {
        assert!(!test.under_sc().is_empty(), "{}: an empty set", test.name);
        assert!(test.under_rc11().is_superset(&test.under_sc()), "{}", test.name);
        assert!(test.under_rc11().is_disjoint(&test.beyond_rc11()), "{}", test.name);
        assert!(!test.about.is_empty());
        assert_eq!(test.is_racy(), test.under_rc11().contains(RACE));
    }
}

fn all(engine: EngineKind, memory: Memory, judge: impl Fn(&selvedge::check::litmus::judge::Row) -> bool) {
    let subject: Subject = SUBJECTS
        .into_iter()
        .find(|s| (s.engine, s.memory) == (engine, memory))
        .expect("it is put to the test");
    let rows: Vec<_> = tests().map(|t| observe(t, subject)).collect();
    let wrong = rows.iter().filter(|r| !judge(r)).map(|r| {
        format!("{}: missed {:?}, invented {:?}, {:?}", r.test.name, r.missed, r.invented, r.faults)
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn exact_misses_and_invents_nothing_under_rc11() {
    all(EngineKind::Exact, Memory::Rc11, |r| r.agrees());
}

#[test]
fn exact_misses_and_invents_nothing_under_sc() {
    all(EngineKind::Exact, Memory::Sc, |r| r.agrees());
}

#[test]
fn shuttle_shows_sequential_consistency_and_nothing_else() {
    all(EngineKind::Shuttle, Memory::Rc11, |r| r.as_declared());
}
