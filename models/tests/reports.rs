//! What `selvedge show` prints for every variant that is declared to fail: narrow, short, and with its reason.
//!
//! All engines at once, so not under `--cfg loom` or `--cfg shuttle`, which leave one.
#![cfg(not(any(loom, shuttle)))]

use selvedge::check::{Expect, Role};
use std::process::Command;

/// The lines from the header to the violated property, and those after it.
fn picture(text: &str) -> (Vec<&str>, Vec<&str>) {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().rposition(|l| l.starts_with(" step ")).expect("a header");
    let end = start + lines[start..].iter().position(|l| l.starts_with("VIOLATED")).expect("the property");
    (lines[start..=end].to_vec(), lines[end + 1..].to_vec())
}

#[test]
fn every_counterexample_is_narrow_short_and_explained() {
    let mut shown = 0;
    for model in selvedge_models::catalogue().models() {
        for variant in model.variants.iter().filter(|v| matches!(v.role, Role::Buggy | Role::WrongFix)) {
            let name = format!("{}/{}", model.name, variant.name);
            let out = Command::new(env!("CARGO_BIN_EXE_selvedge")).args(["show", &name]).output();
            let out = out.expect("the command starts");
            assert_eq!(out.status.code(), Some(0), "{name}");
            let text = String::from_utf8(out.stdout).expect("text");
            let (rows, after) = picture(&text);
            assert!(rows.len() <= 25, "{name}: {} rows\n{text}", rows.len());
            for line in rows.iter().chain(&after) {
                assert!(line.chars().count() <= 100, "{name}: {} columns: {line}", line.chars().count());
            }
            let steps = rows.iter().filter(|r| {
                r.get(..5).is_some_and(|n| n.trim().trim_start_matches('~').parse::<u32>().is_ok())
            });
            assert!((1..=20).contains(&steps.count()), "{name}\n{text}");
            let declared = variant.checks.iter().any(|c| match &c.expect {
                Expect::Found(set) => {
                    set.iter().any(|(p, k)| rows.last() == Some(&format!("VIOLATED {p} ({k})").as_str()))
                }
                _ => false,
            });
            assert!(declared, "{name}: the last row names no declared property\n{text}");
            let why = after.iter().find(|l| l.starts_with("why ")).copied().unwrap_or_default();
            assert!(why.len() > 20 && !why.contains("the log shows no object"), "{name}: no reason\n{text}");
            shown += 1;
        }
    }
    assert!(shown >= 15, "only {shown} variants are declared to fail");
}

/// Every buggy variant and wrong fix has a committed counterexample that still fails as it did.
/// `selvedge replay --bless models/counterexamples` writes them anew; read the difference before it is committed.
#[test]
fn the_committed_counterexamples_still_fail() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("counterexamples");
    let out = Command::new(env!("CARGO_BIN_EXE_selvedge")).arg("replay").arg(&dir).output();
    let out = out.expect("the command starts");
    let text = String::from_utf8(out.stdout).expect("text");
    assert_eq!(out.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&out.stderr));
    for model in selvedge_models::catalogue().models() {
        for v in model.variants.iter().filter(|v| matches!(v.role, Role::Buggy | Role::WrongFix)) {
            let line = format!("{}.{}: same failure: ", model.name, v.name);
            assert!(text.lines().any(|l| l.starts_with(&line)), "no line {line}..\n{text}");
            assert!(!text.contains("another path"), "{text}");
        }
    }
}
