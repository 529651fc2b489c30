//! The command line: bad input, exit codes, formats, and that results depend on the seed alone.
//!
//! All engines at once, so not under `--cfg loom` or `--cfg shuttle`, which leave one.
#![cfg(not(any(loom, shuttle)))]

mod support;

use serde_json::Value;
use std::io::Read;
use std::process::Stdio;
use support::{command, files, folder, run};

/// Bad input gets one line that says what would be right, the right exit code, and nothing on stdout.
#[test]
fn bad_input_gets_one_clear_line() {
    let dir = folder("bad_input");
    let file = dir.join("a-file");
    std::fs::write(&file, "junk").unwrap();
    let below_a_file = file.join("out");
    let (file, below_a_file) = (file.to_str().unwrap(), below_a_file.to_str().unwrap());
    let other_json = dir.join("other.json");
    std::fs::write(&other_json, "{\"format\":\"something else\"}").unwrap();
    let newer = dir.join("newer.json");
    std::fs::write(&newer, "{\"format\":\"selvedge-counterexample\",\"version\":99}").unwrap();
    let damaged = dir.join("damaged.json");
    std::fs::write(&damaged, "{\"format\":\"selvedge-counterexample\",\"version\":2,\"model\":3}").unwrap();
    let path = |p: &std::path::Path| p.to_str().unwrap().to_owned();
    let (other_json, newer, damaged) = (path(&other_json), path(&newer), path(&damaged));

    let table: &[(&[&str], i32, &str)] = &[
        (&["check", "nonsense"], 4, "the models are process, engine, counter"),
        (&["nonsense"], 4, "no model/variant contains `nonsense`"),
        (&["check", "counter/load_store", "--engine", "native"], 4, "nothing is left"),
        (&["mutate"], 2, "is not built yet"),
        (&["check", "--engine", "spin"], 2, "the engines are native, loom, shuttle, exact"),
        (&["check", "--budget", "huge"], 2, "quick, standard, deep"),
        (&["check", "--format", "xml"], 2, "human, json, junit"),
        (&["check", "--jobs", "0"], 2, "from 1 to 1024"),
        (&["check", "--jobs", "many"], 2, "from 1 to 1024"),
        (&["check", "--seed", "-1"], 2, "from 0 to 18446744073709551615"),
        (&["check", "--shard", "3/2"], 2, "1 <= K <= N"),
        (&["check", "--shard", "0/2"], 2, "1 <= K <= N"),
        (&["check", "--shard", "2"], 2, "1 <= K <= N"),
        (&["check", "one", "two"], 2, "two"),
        (&["check", "--colour"], 2, "--colour"),
        (&["check", "--out", below_a_file], 2, "name a writable folder"),
        (&["check", "--out", ""], 2, "--out"),
        (&["list", "--format", "junit"], 2, "human, json"),
        (&["show"], 2, "MODEL"),
        (&["show", "nonsense"], 2, "the models are process, engine, counter"),
        (&["show", "counter/nonsense"], 2, "its variants are load_store, fetch_add"),
        (&["show", "countre"], 2, "there is no model `countre`; did you mean counter?"),
        (&["show", "buggy_but_passes"], 2, "did you mean counter/buggy_but_passes?"),
        (&["show", "countre/fetch_add"], 2, "did you mean counter/fetch_add?"),
        (&["show", "counter/fetch_ad"], 2, "did you mean fetch_add?"),
        (&["list", "nonsense"], 4, "the models are process, engine, counter"),
        (&["report", "nonsense", "--out", "never-made"], 4, "the models are process, engine, counter"),
        (&["litmus", "nonsense"], 4, "no litmus test contains `nonsense`"),
        (&["replay"], 2, "FILE"),
        (&["replay", "no-such-file"], 2, "cannot read no-such-file"),
        (&["replay", file], 2, "it is not JSON"),
        (&["replay", &other_json], 2, "`format` is not"),
        (&["replay", &newer], 2, "reads version 2"),
        (&["replay", &damaged], 2, "is damaged"),
    ];
    for (args, code, needle) in table {
        let r = run(args);
        assert_eq!(r.code, Some(*code), "{args:?}: {r:?}");
        assert_eq!(r.stdout, "", "{args:?}");
        assert_eq!(r.stderr.lines().count(), 1, "{args:?}: {}", r.stderr);
        assert!(r.stderr.starts_with("selvedge: ") && r.stderr.contains(needle), "{args:?}: {}", r.stderr);
        assert!(!r.stderr.contains("panicked"), "{args:?}: {}", r.stderr);
    }
    // Of a folder, each file has its line, whatever the one before it was.
    let r = run(&["replay", dir.to_str().unwrap()]);
    assert_eq!((r.code, r.stdout.lines().count()), (Some(2), 3), "{r:?}");
    for (line, needle) in r.stdout.lines().zip(["damaged: ", "newer: ", "other: "]) {
        assert!(line.starts_with(needle), "{line}");
    }
    assert_eq!(r.stderr, "selvedge: 3 of 3 files cannot be replayed; the others were\n");
    assert_eq!(
        files(&dir),
        ["a-file", "damaged.json", "newer.json", "other.json"],
        "nothing else was written"
    );
}

#[test]
fn bad_environment_gets_one_clear_line() {
    for scale in ["0", "fast", "-1", "inf"] {
        let r: support::Run =
            command(&["check", "process/behaves"]).env("SELVEDGE_TIME_SCALE", scale).output().unwrap().into();
        assert_eq!((r.code, r.stdout.as_str()), (Some(2), ""), "{scale}: {r:?}");
        assert!(r.stderr.contains("SELVEDGE_TIME_SCALE must be a number"), "{}", r.stderr);
    }
}

#[cfg(unix)]
/// What nobody could read is not a result, whatever the verdicts.
#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_an_error() {
    for args in [
        &["list"][..],
        &["show", "counter/load_store"],
        &["check", "counter/fetch_add", "--engine", "exact"],
        &["check", "counter/fetch_add", "--engine", "exact", "--format", "json"],
        &["check", "counter/fetch_add", "--engine", "exact", "--format", "junit"],
        &["--help"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let out = command(args).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {said}");
        assert_eq!(said.matches("cannot write to standard output").count(), 1, "{args:?}: {said}");
    }
}

#[test]
fn an_unwritable_folder_is_refused_before_anything_runs() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder("unwritable");
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(dir.join("probe"), "").is_ok() {
        let _ = std::fs::remove_file(dir.join("probe"));
        // Permissions do not bind the superuser; a folder of the system's does.
        let r = run(&["check", "process/behaves", "--out", "/proc/selvedge"]);
        assert_eq!((r.code, r.stdout.as_str()), (Some(2), ""), "{r:?}");
        return;
    }
    let r = run(&["check", "process/behaves", "--out", dir.to_str().unwrap()]);
    assert_eq!((r.code, r.stdout.as_str()), (Some(2), ""), "{r:?}");
    assert!(r.stderr.contains("name a writable folder"), "{}", r.stderr);
    assert_eq!(files(&dir), [""; 0]);
}

#[test]
fn help_and_version_are_no_errors() {
    for args in [["--help"], ["--version"]] {
        let r = run(&args);
        assert_eq!((r.code, r.stderr.as_str()), (Some(0), ""), "{r:?}");
        assert!(r.stdout.contains("selvedge"));
    }
}

const CHECK_KEYS: [&str; 9] =
    ["type", "model", "incident", "variant", "role", "engine", "strategy", "discipline", "expected"];
const RESULT_KEYS: [&str; 10] = [
    "verdict",
    "property",
    "kind",
    "executions",
    "steps",
    "seconds",
    "as_declared",
    "message",
    "counterexample",
    "fingerprint",
];

/// The frozen fields, no more and no fewer, in every line of every kind.
#[test]
fn json_has_the_frozen_fields() {
    let r = run(&["check", "counter", "--format", "json"]);
    let lines = r.json();
    let (summary, checks) = lines.split_last().unwrap();
    assert!(!checks.is_empty());
    for c in checks {
        let mut want: Vec<&str> = CHECK_KEYS.into_iter().chain(RESULT_KEYS).collect();
        want.sort_unstable();
        let mut got: Vec<&str> = c.as_object().unwrap().keys().map(String::as_str).collect();
        got.sort_unstable();
        assert_eq!(got, want);
        assert_eq!(c["type"], "check");
        assert_eq!(c["discipline"], "preemptive");
        assert_eq!(c["incident"], Value::Null);
        assert!(c["as_declared"].is_boolean() && c["executions"].is_u64() && c["steps"].is_u64());
        assert!(c["seconds"].is_f64() && c["message"].is_string() && c["counterexample"].is_null());
        assert_eq!(c["strategy"].is_string(), c["engine"] == "shuttle", "{c}");
        let found = c["verdict"].as_str().unwrap().starts_with("found(");
        assert_eq!(c["property"].is_string(), found, "{c}");
        assert_eq!(c["kind"].is_string(), found, "{c}");
    }
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["checks"], checks.len());
    let differing = checks.iter().filter(|c| c["as_declared"] == false).count();
    assert_eq!(summary["differing"], differing);
    assert_eq!(summary["as_declared"], checks.len() - differing);
    assert_eq!(summary["exit_code"], r.code.unwrap());
    assert_eq!(r.code, Some(1));
}

#[test]
fn list_prints_every_check_without_results() {
    let r = run(&["list", "--format", "json"]);
    assert_eq!(r.code, Some(0));
    for c in r.json() {
        let mut want = CHECK_KEYS.to_vec();
        want.sort_unstable();
        let mut got: Vec<&str> = c.as_object().unwrap().keys().map(String::as_str).collect();
        got.sort_unstable();
        assert_eq!(got, want);
    }
    let process = r.json().into_iter().find(|c| c["variant"] == "aborts").unwrap();
    assert_eq!((&process["incident"], &process["expected"]), (&"999".into(), &"not-found".into()));

    let part = run(&["list", "counter/fetch", "--format", "json"]);
    let whole: Vec<Value> = r.json().into_iter().filter(|c| c["variant"] == "fetch_add").collect();
    assert!(!whole.is_empty() && part.json() == whole, "{part:?}");
    let part = run(&["list", "counter/fetch"]).stdout;
    assert!(part.contains("fetch_add") && !part.contains("load_store"), "{part}");

    let human = run(&["list"]);
    assert_eq!(human.code, Some(0));
    for word in ["counter", "load_store", "found(no-lost-update: assertion)", "incident 999"] {
        assert!(human.stdout.contains(word), "{word}");
    }
    assert!(!human.stdout.contains('\u{1b}'), "no colours in a pipe");
}

/// Same seed, same JSON, whatever the number of workers; the order is the catalogue's.
#[test]
fn results_depend_on_the_seed_alone() {
    let args = |jobs, seed| ["check", "counter", "--format", "json", "--jobs", jobs, "--seed", seed];
    let one = run(&args("1", "7"));
    let two = run(&args("2", "7"));
    let again = run(&args("2", "7"));
    assert_eq!(one.timeless(), two.timeless());
    assert_eq!(two.timeless(), again.timeless());
    let order: Vec<Value> = run(&["list", "--format", "json"]).json();
    let order: Vec<&Value> =
        order.iter().filter(|c| c["model"] == "counter").map(|c| &c["variant"]).collect();
    let checks = one.checks();
    assert_eq!(checks.iter().map(|c| &c["variant"]).collect::<Vec<_>>(), order);
}

#[test]
fn another_seed_makes_other_choices() {
    let of = |seed| run(&["check", "load_store", "--engine", "shuttle", "--format", "json", "--seed", seed]);
    let all: Vec<_> = ["1", "2", "3", "4", "5", "6"].into_iter().map(|s| of(s).timeless()).collect();
    assert!(all.iter().any(|a| *a != all[0]), "six seeds made the same choices: {:?}", all[0]);
}

#[test]
fn shards_partition_the_checks() {
    let names = |r: &support::Run| -> Vec<String> {
        r.checks().iter().map(|c| format!("{} {} {}", c["variant"], c["engine"], c["strategy"])).collect()
    };
    let mut all = names(&run(&["check", "counter", "--format", "json"]));
    let mut parts = Vec::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let part = names(&run(&["check", "counter", "--format", "json", "--shard", shard]));
        assert!(!part.is_empty());
        parts.extend(part);
    }
    all.sort();
    parts.sort();
    assert_eq!(all, parts);
}

/// A share of one search proves nothing by itself, and says what it has seen: the whole is known when all are together.
#[test]
fn a_share_of_a_search_is_not_the_whole() {
    let share = |variant: &str, shard: &str| {
        let r = run(&["check", variant, "--format", "json", "--shard", shard]);
        assert_eq!(r.code, Some(0), "{r:?}");
        let check = r.checks()[0].clone();
        let verdict = check["verdict"].as_str().unwrap_or_default();
        assert!(verdict.starts_with("not-found("), "{verdict}");
        check["message"].as_str().unwrap_or_default().to_owned()
    };
    for (variant, sees) in [("vacuous/sees", true), ("vacuous/never_sees", false)] {
        let messages = ["1/2", "2/2"].map(|s| share(variant, s));
        let seen = messages.iter().any(|m| m.contains("it has `store-seen`"));
        assert_eq!(seen, sees, "{messages:?}");
        assert!(messages[0].starts_with("share 1 of 2 of the search, exhausted within it"), "{messages:?}");
    }
}

#[test]
fn an_empty_shard_of_something_is_a_pass() {
    let r = run(&["check", "process/behaves", "--shard", "2/2", "--format", "json"]);
    assert_eq!(r.code, Some(0));
    assert_eq!(r.timeless()[0]["checks"], 0);
    assert_eq!(r.json().len(), 1);
}

/// What is declared and found: 0. Two words on the command line and none mean the same.
#[test]
fn as_declared_exits_with_0() {
    let with = run(&["check", "counter/load_store"]);
    let without = run(&["counter/load_store"]);
    assert_eq!((with.code, without.code), (Some(0), Some(0)), "{with:?}");
    assert!(with.stdout.contains("all as declared") && without.stdout.contains("all as declared"));
    assert!(with.stdout.contains("counted as 1"), "a buggy variant says what was found: {}", with.stdout);
    assert!(with.stdout.contains("seed 1"), "the seed is printed");
}

/// The table, and what differs, never exceed 100 columns where the width is ours to choose.
#[test]
fn the_table_fits_100_columns() {
    let r = run(&["check", "counter"]);
    for line in r.stdout.lines().filter(|l| !l.trim_start().starts_with("| ")) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(r.stdout.contains("DIFFERS counter/fixed_but_fails/"), "{}", r.stdout);
    assert!(r.stdout.contains("VIOLATED no-lost-update (assertion)"), "{}", r.stdout);
}

#[test]
fn junit_is_one_document() {
    let r = run(&["check", "counter", "--format", "junit"]);
    assert_eq!(r.code, Some(1));
    assert!(r.stdout.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "));
    assert!(r.stdout.ends_with("</testsuites>\n"));
    assert_eq!(
        r.stdout.matches("<testcase ").count(),
        run(&["check", "counter", "--format", "json"]).checks().len()
    );
    assert!(r.stdout.contains("name=\"counter::load_store::shuttle::random\""));
    assert!(r.stdout.contains("<failure type=\"found\""), "{}", r.stdout);
}

/// `| head` closes the pipe: no message, and for `check` no pass either.
#[test]
fn a_reader_that_leaves_is_no_error() {
    for args in [vec!["list"], vec!["list", "--format", "json"], vec!["check", "counter", "--format", "json"]]
    {
        let mut child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(stderr, "", "{args:?}");
        assert_eq!(status.code(), Some(if args[0] == "check" { 2 } else { 0 }), "{args:?}");
    }
}

#[test]
fn show_tells_the_lesson_with_a_counterexample() {
    let r = run(&["show", "counter"]);
    assert_eq!(r.code, Some(0), "{r:?}");
    for word in
        ["Two threads read the same value", "load_store", "fetch_add", "VIOLATED no-lost-update (assertion)"]
    {
        assert!(r.stdout.contains(word), "{word}: {}", r.stdout);
    }
    for line in r.stdout.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert_eq!(r.stdout, run(&["show", "counter"]).stdout, "the same one every time");

    // Of one variant, the counterexample first, and what else there is to say of it below.
    let one = run(&["show", "counter/load_store"]).stdout;
    let at = |what: &str| one.find(what).unwrap_or_else(|| panic!("no {what}\n{one}"));
    assert!(one[..at("counterexample of ")].lines().count() <= 6, "{one}");
    let order =
        ["counter/load_store", "VIOLATED", "\nchecks of load_store", "\noutcomes of load_store"].map(at);
    assert!(order.is_sorted(), "{order:?}\n{one}");

    let one = run(&["show", "counter/fetch_add"]);
    assert_eq!(one.code, Some(0));
    assert!(!one.stdout.contains("VIOLATED"));
}
