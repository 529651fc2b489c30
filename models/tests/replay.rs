//! Saved counterexamples: what replaying one says, what it brings back, and which files are refused.
//!
//! All engines at once, so not under `--cfg loom` or `--cfg shuttle`, which leave one.
#![cfg(not(any(loom, shuttle)))]

mod support;

use serde_json::Value;
use support::{files, folder, run};

/// Choices, timeouts, spurious wake-ups and failures, who is notified, a cycle: all are in the file.
#[test]
fn what_the_environment_chose_is_replayed() {
    let dir = folder("chance");
    let r = run(&["check", "chance/", "--format", "json", "--out", dir.to_str().unwrap()]);
    assert_eq!(r.code, Some(0), "{r:?}");
    let rows = r.checks();
    assert_eq!(rows.len(), 6);
    for row in rows {
        let path = row["counterexample"].as_str().expect("a file was written");
        let saved: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let chosen = saved["schedule"].as_array().unwrap().iter().any(|e| e.as_u64().unwrap() >> 31 == 1);
        let by_value = matches!(row["variant"].as_str(), Some("choice" | "timeout" | "weak_exchange"));
        assert!(chosen || !by_value, "{saved}");
        assert_eq!(saved.get("repeats").is_some(), row["variant"] == "repeats", "{saved}");
        let again = run(&["replay", path]);
        assert_eq!(again.code, Some(0), "{}: {again:?}", row["variant"]);
        assert!(again.stdout.starts_with("same failure: "), "{}", again.stdout);
        assert_eq!(again.stdout.contains("repeats: steps "), row["variant"] == "repeats", "{}", again.stdout);
    }
}

fn saved(name: &str) -> (std::path::PathBuf, Value) {
    let dir = folder(name);
    let r = run(&["check", "counter/load_store", "--format", "json", "--out", dir.to_str().unwrap()]);
    assert_eq!(r.code, Some(0), "{r:?}");
    let c = r.checks().into_iter().find(|c| c["engine"] == "shuttle").unwrap();
    let path = std::path::PathBuf::from(c["counterexample"].as_str().expect("a file was written"));
    assert!(path.is_absolute() && path.starts_with(std::path::absolute(&dir).unwrap()));
    let text = std::fs::read_to_string(&path).unwrap();
    let saved: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(saved["fingerprint"], c["fingerprint"]);
    assert!(files(&dir).iter().all(|f| f.ends_with(".json")), "nothing half-written is left");
    (path, saved)
}

fn edited(path: &std::path::Path, saved: &Value, field: &str, to: &str) -> support::Run {
    let mut other = saved.clone();
    other[field] = to.into();
    let file = path.with_file_name(format!("edited-{field}-{to}.json"));
    std::fs::write(&file, other.to_string()).unwrap();
    run(&["replay", file.to_str().unwrap()])
}

#[test]
fn replay_says_what_has_become_of_the_failure() {
    let (path, saved) = saved("replay");
    let same = run(&["replay", path.to_str().unwrap()]);
    assert_eq!(same.code, Some(0), "{same:?}");
    assert!(same.stdout.starts_with("same failure: no-lost-update (assertion)\n"), "{}", same.stdout);

    let mut log = saved.clone();
    log["events"][2] = "main: store n = 7 (sc) @ counter.rs:1".into();
    let file = path.with_file_name("edited-log.json");
    std::fs::write(&file, log.to_string()).unwrap();
    let said = run(&["replay", file.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let line = said.stdout.lines().next().unwrap_or_default();
    assert!(
        line.starts_with("same failure: ") && line.contains("; the log in the file is not that of"),
        "{line}"
    );
    // Lines of source move.
    let moved = |e: &Value| e.as_str().unwrap().rsplit_once(':').unwrap().0.to_owned() + ":9999";
    log["events"] = saved["events"].as_array().unwrap().iter().map(moved).collect::<Vec<_>>().into();
    std::fs::write(&file, log.to_string()).unwrap();
    let said = run(&["replay", file.to_str().unwrap()]);
    assert_eq!(said.stdout, same.stdout);

    let other = edited(&path, &saved, "property", "something-else");
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.stdout.starts_with("another failure: no-lost-update (assertion)"), "{}", other.stdout);

    let fixed = edited(&path, &saved, "variant", "fetch_add");
    assert_eq!(fixed.code, Some(1), "{fixed:?}");
    assert!(fixed.stdout.starts_with("no longer fails: "), "{}", fixed.stdout);
}

#[test]
fn files_of_something_else_are_refused() {
    let (path, saved) = saved("refused");
    for (field, to, needle) in [
        ("model", "nowhere", "which this catalogue does not have; did you mean counter/load_store?"),
        ("variant", "nowhere", "counter/nowhere, which this catalogue does not have"),
        ("engine", "native", "no longer has"),
        ("engine_version", "0.0.1", "schedules do not carry over"),
        ("selvedge", "0.0.1", "the file is of selvedge 0.0.1"),
        ("discipline", "cooperative", "no longer has"),
    ] {
        let r = edited(&path, &saved, field, to);
        assert_eq!((r.code, r.stdout.as_str()), (Some(2), ""), "{field}: {r:?}");
        assert_eq!(r.stderr.lines().count(), 1, "{}", r.stderr);
        assert!(r.stderr.contains(needle), "{field}: {}", r.stderr);
    }
}

/// What `replay` says to a file with these bytes: soon, in one line, and never a panic.
fn refused(dir: &std::path::Path, name: &str, bytes: &[u8]) -> String {
    let file = dir.join(name);
    std::fs::write(&file, bytes).unwrap();
    let start = std::time::Instant::now();
    let r = run(&["replay", file.to_str().unwrap()]);
    assert!(start.elapsed().as_secs() < 20, "{name}: {:?}", start.elapsed());
    assert_eq!((r.code, r.stdout.as_str()), (Some(2), ""), "{name}: {r:?}");
    assert_eq!(r.stderr.lines().count(), 1, "{name}: {}", r.stderr);
    assert!(!r.stderr.contains("panicked"), "{name}: {}", r.stderr);
    r.stderr
}

#[test]
fn truncated_files_and_junk_are_refused_in_one_line() {
    let (path, saved) = saved("junk");
    let whole = std::fs::read(&path).unwrap();
    let dir = path.parent().unwrap();
    for cut in (0..whole.len() - 2).step_by((whole.len() / 23).max(1)) {
        let says = refused(dir, "cut.json", &whole[..cut]);
        let what = if cut == 0 { "it is empty" } else { "it ends in the middle" };
        assert!(says.contains("is not a counterexample file") && says.contains(what), "{cut}: {says}");
    }
    for (name, bytes, needle) in [
        ("binary.json", vec![0xff, 0xfe, 0, 1, 2, 0x80], "it is not text"),
        ("deep.json", "[".repeat(100_000).into_bytes(), "it is not JSON"),
        ("other.json", b"{\"format\":\"loom-checkpoint\"}".to_vec(), "`format` is not"),
        ("empty.json", b" \n".to_vec(), "it is empty"),
        ("letter.json", "{\"é".as_bytes()[..3].to_vec(), "it ends in the middle"),
    ] {
        let says = refused(dir, name, &bytes);
        assert!(says.contains(needle), "{name}: {says}");
    }
    let with = |field: &str, value: Value| {
        let mut other = saved.clone();
        other[field] = value;
        other.to_string().into_bytes()
    };
    let mut plan = saved["plan"].clone();
    plan["shard"] = serde_json::json!([3, 2]);
    let mut strategy = saved["plan"].clone();
    strategy["strategy"] = "guessing".into();
    for (field, value, needle) in [
        ("version", 7.into(), "has version 7 of the file format"),
        ("schedule", "all of it".into(), "is damaged"),
        ("model", "counter\nand more".into(), "is damaged"),
        ("plan", Value::Null, "is damaged"),
        ("plan", plan, "share 3 of 2 does not exist"),
        ("plan", strategy, "unknown strategy `guessing`"),
    ] {
        let says = refused(dir, "field.json", &with(field, value));
        assert!(says.contains(needle), "{field}: {says}");
    }
    let nowhere = run(&["replay", dir.join("nowhere.json").to_str().unwrap()]);
    assert_eq!((nowhere.code, nowhere.stderr.lines().count()), (Some(2), 1), "{nowhere:?}");
    #[cfg(unix)]
    {
        // It would never end.
        let zero = run(&["replay", "/dev/zero"]);
        assert_eq!((zero.code, zero.stderr.lines().count()), (Some(2), 1), "{zero:?}");
    }
}

/// What a file asks for costs no more than the check may cost.
#[test]
fn a_file_that_asks_for_too_much_gets_no_more_than_its_check() {
    let (path, saved) = saved("greedy");
    let mut greedy = saved.clone();
    for field in ["executions", "steps", "jobs"] {
        greedy["plan"][field] = 1_000_000_000_000u64.into();
    }
    greedy["schedule"] = (0..50_000u32).map(|i| i.wrapping_mul(2_654_435_761)).collect::<Vec<_>>().into();
    let file = path.with_file_name("greedy.json");
    std::fs::write(&file, greedy.to_string()).unwrap();
    let start = std::time::Instant::now();
    let r = run(&["replay", file.to_str().unwrap()]);
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    assert!(matches!(r.code, Some(0 | 1)) && r.stderr.is_empty(), "{r:?}");
}

/// Moved lines and other values keep the shape; other operations are another model, which is tried all the same.
#[test]
fn a_changed_model_is_named_and_tried_all_the_same() {
    let (path, saved) = saved("changed");
    assert!(saved["shape"].as_str().is_some_and(|s| s.len() == 16), "{saved}");
    let r = edited(&path, &saved, "shape", "00000000deadbeef");
    assert_eq!(r.code, Some(0), "{r:?}");
    let line = r.stdout.lines().next().unwrap_or_default();
    assert!(line.starts_with("same failure: no-lost-update (assertion); model changed: "), "{line}");

    // A schedule that does not fit is followed as far as it goes.
    let mut cut = saved.clone();
    cut["schedule"].as_array_mut().unwrap().truncate(3);
    let file = path.with_file_name("short.json");
    std::fs::write(&file, cut.to_string()).unwrap();
    let r = run(&["replay", file.to_str().unwrap()]);
    assert!(matches!(r.code, Some(0)), "{r:?}");
    assert!(r.stdout.starts_with("same failure: "), "{}", r.stdout);
}

/// Files of version 1 say nothing of the model's shape.
#[test]
fn older_files_are_still_read() {
    let (path, saved) = saved("older");
    let mut old = saved.clone();
    old["version"] = 1.into();
    old["shape"] = serde_json::json!({"threads": 2, "steps": 9, "switches": 3});
    for field in ["size", "raw", "minimal"] {
        old.as_object_mut().unwrap().remove(field);
    }
    let file = path.with_file_name("old.json");
    std::fs::write(&file, old.to_string()).unwrap();
    let r = run(&["replay", file.to_str().unwrap()]);
    assert_eq!(r.code, Some(0), "{r:?}");
    assert!(r.stdout.starts_with("same failure: no-lost-update (assertion)\n"), "{}", r.stdout);
}

/// The same shape whoever found it.
#[test]
fn the_shape_is_the_models_and_not_the_engines() {
    let dir = folder("shapes");
    run(&["check", "counter/load_store", "--format", "json", "--out", dir.to_str().unwrap()]);
    let shapes: Vec<Value> = files(&dir)
        .iter()
        .map(|f| {
            let text = std::fs::read_to_string(dir.join(f)).unwrap();
            serde_json::from_str::<Value>(&text).unwrap()["shape"].clone()
        })
        .collect();
    assert_eq!(shapes.len(), 3);
    assert!(shapes[0].is_string() && shapes.iter().all(|s| *s == shapes[0]), "{shapes:?}");
}
