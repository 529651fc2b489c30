//! `selvedge litmus` from end to end: what it prints for programs, and that every gap is as declared, loom's too.

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use support::run;

fn strings(v: &Value) -> BTreeSet<&str> {
    v.as_array().expect("an array").iter().map(|s| s.as_str().expect("a string")).collect()
}

#[test]
fn every_engine_is_as_declared() {
    let r = run(&["litmus", "--format", "json"]);
    assert_eq!((r.code, r.stderr.as_str()), (Some(0), ""), "{}", r.stdout);
    let rows = r.json();
    let mut by_key: BTreeMap<(&str, &str, &str), &Value> = BTreeMap::new();
    for row in &rows {
        let keys: BTreeSet<&str> = row.as_object().expect("an object").keys().map(String::as_str).collect();
        let frozen = ["type", "test", "engine", "memory", "outcomes", "missed", "invented", "executions"];
        assert_eq!(keys, BTreeSet::from(frozen));
        assert_eq!(row["type"], "litmus");
        let word = |k: &str| row[k].as_str().expect("a word");
        assert!(by_key.insert((word("test"), word("engine"), word("memory")), row).is_none(), "twice: {row}");
        assert!(strings(&row["missed"]).is_disjoint(&strings(&row["outcomes"])), "{row}");
        assert!(strings(&row["invented"]).is_subset(&strings(&row["outcomes"])), "{row}");
    }
    let tests: BTreeSet<&str> = by_key.keys().map(|k| k.0).collect();
    assert!(tests.len() >= 40, "{} tests", tests.len());
    for test in &tests {
        for key in [("loom", "rc11"), ("shuttle", "rc11"), ("exact", "sc"), ("exact", "rc11")] {
            assert!(by_key.contains_key(&(*test, key.0, key.1)), "{test} has no row for {key:?}");
        }
    }
    for ((test, engine, memory), row) in &by_key {
        if *engine == "exact" {
            assert!(strings(&row["missed"]).is_empty(), "{test} under {memory}: {row}");
            assert!(strings(&row["invented"]).is_empty(), "{test} under {memory}: {row}");
            assert!(!strings(&row["outcomes"]).is_empty(), "{test} under {memory}: {row}");
        }
    }
    // Executions that are known, and one gap of each engine.
    for (test, n) in [
        ("MP+rel+acq", 3),
        ("SB+rlx", 4),
        ("SB+sc", 3),
        ("IRIW+rel+acq", 16),
        ("IRIW+sc", 15),
        ("IRIW+sc+acq-sc", 16),
        ("2+2W+rlx", 4),
        ("2+2W+sc", 3),
        ("LB+rlx", 3),
    ] {
        assert_eq!(by_key[&(test, "exact", "rc11")]["executions"], n, "{test}");
    }
    assert_eq!(strings(&by_key[&("SB+sc", "loom", "rc11")]["invented"]), BTreeSet::from(["r0=0 r1=0"]));
    assert_eq!(strings(&by_key[&("MP+rlx+rlx", "shuttle", "rc11")]["missed"]), BTreeSet::from(["r0=1 r1=0"]));
}

#[test]
fn formats_are_human_and_json() {
    let r = run(&["litmus", "--format", "junit"]);
    assert_eq!((r.code, r.stdout.as_str()), (Some(2), ""));
    assert!(r.stderr.contains("human, json"), "{}", r.stderr);
}
