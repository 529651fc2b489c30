//! Incident 003 on several processors and on one: what the rows declare is what the incident turns on, and a counterexample
//! that was found on one processor is saved, and replayed, as that.
//!
//! All engines at once, so not under `--cfg loom` or `--cfg shuttle`, which leave one.
#![cfg(not(any(loom, shuttle)))]

use selvedge::check::{Discipline, Expect, Kind, Role};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn selvedge(args: &[&str]) -> (Option<i32>, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_selvedge")).args(args).output().expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (out.status.code(), text(out.stdout), text(out.stderr))
}

/// The words of the report: on SMP only, but for the frame that is freed twice.
#[test]
fn one_processor_hides_all_but_the_frame_that_is_freed_twice() {
    let on_one_cpu = [
        ("stack_semaphore", Kind::UseAfterFree, false),
        ("timed_wait_drains", Kind::UseAfterFree, false),
        ("frame_freed_twice", Kind::DoubleFree, true),
        ("unlocked_slot", Kind::DoubleCompletion, false),
    ];
    let catalogue = selvedge_models::catalogue();
    for (name, kind, fails) in on_one_cpu {
        let model = catalogue.models().iter().find(|m| m.name == name).expect(name);
        assert_eq!(model.incident, Some("003"));
        for v in &model.variants {
            for c in &v.checks {
                let found = matches!(c.expect, Expect::Found(_));
                let want = match (v.role, &c.discipline) {
                    (Role::Fixed, _) => false,
                    (_, Discipline::Preemptive) => true,
                    (_, Discipline::Interrupt) => fails,
                    (_, other) => panic!("{name}/{} has a row under {other}", v.name),
                };
                assert_eq!(found, want, "{name}/{} under {}: {}", v.name, c.discipline, c.expect);
            }
            let one = v.checks.iter().filter(|c| c.discipline == Discipline::Interrupt).count();
            assert_eq!(one, 1, "{name}/{} on one processor", v.name);
        }
        let buggy = &model.variants[0];
        let typed = |e: &Expect| matches!(e, Expect::Found(set) if set.iter().all(|(_, k)| *k == kind));
        assert!(typed(&buggy.checks[0].expect), "{name}/{}: {}", buggy.name, buggy.checks[0].expect);
    }
}

#[test]
fn a_counterexample_on_one_processor_is_saved_and_replayed_as_that() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("late_completion");
    let _ = std::fs::remove_dir_all(&dir);
    let out = dir.to_str().expect("a text path");
    let args = [
        "check",
        "frame_freed_twice/retest_unlocked",
        "--engine",
        "shuttle",
        "--format",
        "json",
        "--out",
        out,
    ];
    let (code, stdout, stderr) = selvedge(&args);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let rows: Vec<Value> = stdout.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let row = rows.iter().find(|r| r["discipline"] == "interrupt").expect("a row on one processor");
    assert_eq!((&row["verdict"], &row["kind"]), (&"found(freed-once)".into(), &"double-free".into()));
    let file = row["counterexample"].as_str().expect("a file was written");
    let text = std::fs::read_to_string(file).expect("the file");
    let saved: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(saved["discipline"], "interrupt");
    let (code, stdout, _) = selvedge(&["replay", file]);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.starts_with("same failure: freed-once (double-free)\n"), "{stdout}");
    assert!(stdout.contains("found by shuttle dfs under interrupt"), "{stdout}");
    let other = dir.join("other.json");
    std::fs::write(&other, text.replace("\"interrupt\"", "\"cooperative\"")).expect("a writable folder");
    let (code, _, stderr) = selvedge(&["replay", other.to_str().expect("a text path")]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("no longer has"), "{stderr}");
}
