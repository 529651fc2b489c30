//! Saved counterexamples bring back what the environment chose.
//!
//! All engines at once, so not under `--cfg loom` or `--cfg shuttle`, which leave one.
#![cfg(not(any(loom, shuttle)))]

mod support;

use serde_json::Value;
use support::{folder, run};

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
