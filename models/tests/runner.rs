//! The runner against models that misbehave: each is reported as exactly what it did, and the gate goes on.
//!
//! All engines at once, so not under `--cfg loom` or `--cfg shuttle`, which leave one.
#![cfg(not(any(loom, shuttle)))]

mod support;

use serde_json::Value;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use support::{Run, command, run};

/// One run over all of them: the gate must survive every one in the company of the others. The time limit of the
/// quick budget is scaled down, so that the one that hangs costs seconds.
fn all() -> &'static Run {
    static ALL: OnceLock<Run> = OnceLock::new();
    ALL.get_or_init(|| {
        let run: Run = command(&["check", "--format", "json", "--jobs", "2"])
            .env("SELVEDGE_TIME_SCALE", "0.1")
            .env("SELVEDGE_MEMORY_SCALE", "0.5")
            .output()
            .expect("the command starts")
            .into();
        assert_eq!(run.stderr, "", "nothing of the workers gets out");
        run
    })
}

#[track_caller]
fn row(model: &str, variant: &str, engine: &str) -> Value {
    let is = |c: &Value| c["model"] == model && c["variant"] == variant && c["engine"] == engine;
    let rows: Vec<Value> = all().checks().into_iter().filter(is).collect();
    assert_eq!(rows.len(), 1, "{model}/{variant}/{engine}: {rows:?}");
    rows[0].clone()
}

#[track_caller]
fn native(variant: &str, verdict: &str) -> Value {
    let row = row("process", variant, "native");
    assert_eq!(row["verdict"], verdict, "{row}");
    row
}

#[test]
fn the_gate_goes_on_to_its_end() {
    let lines = all().json();
    let listed = run(&["list", "--format", "json"]).json().len();
    assert_eq!(lines.len(), listed + 1);
    assert_eq!(lines.last().unwrap()["type"], "summary");
    assert_eq!(all().code, Some(1));
}

#[test]
fn one_that_behaves_passes() {
    native("behaves", "not-found(200)");
}

#[cfg(unix)]
mod process {
    use super::*;

    #[test]
    fn aborts() {
        native("aborts", "crashed(SIGABRT: aborted)");
    }

    #[test]
    fn panics_while_panicking() {
        let row = native("panics_twice", "crashed(panicked while panicking)");
        assert!(row["message"].as_str().unwrap().contains("misbehaving.rs:"), "{row}");
    }

    /// A failure is reported when it is noted: a destructor that aborts while it unwinds changes nothing.
    #[test]
    fn fails_and_then_aborts() {
        let row = native("fails_and_aborts", "found(holds)");
        assert_eq!(
            (&row["kind"], &row["message"]),
            (&"assertion".into(), &"what was noted before the abort".into())
        );
    }

    #[test]
    fn segfaults() {
        native("segfaults", "crashed(SIGSEGV: segmentation fault)");
    }

    #[test]
    fn overflows_its_stack() {
        native("overflows", "crashed(stack overflow)");
    }

    #[test]
    fn forks() {
        native("forks", "crashed(forked)");
    }
}

#[test]
fn loops_for_ever() {
    native("loops", "inconclusive(time: more than 12 s)");
}

#[cfg(target_os = "linux")]
#[test]
fn eats_memory() {
    native("eats_memory", "inconclusive(memory: more than 512 MiB)");
    let row = row("process", "allocates_too_much", "native");
    let verdict = row["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("inconclusive(memory: memory allocation of "), "{row}");
}

#[test]
fn exits_before_it_reported() {
    native("exits", "crashed(exited with code 0 before it reported)");
    native("exits_with_3", "crashed(exited with code 3 before it reported)");
}

/// What a model prints is never mixed into the results, not even if it looks like one.
#[test]
fn prints_to_stdout() {
    native("prints", "not-found(200)");
    assert!(!all().stdout.contains("forged"));
}

#[test]
fn what_a_failing_worker_printed_is_shown() {
    let r = run(&["check", "process/prints_and_fails"]);
    assert!(r.stdout.contains("| the last words of the model"), "{}", r.stdout);
    assert!(r.stdout.contains("a failure worth reading"), "{}", r.stdout);
}

/// A grandchild that holds the worker's pipes open delays nothing.
#[test]
fn leaves_a_child() {
    native("leaves_a_child", "not-found(200)");
}

/// Found under every engine, although every guard is dropped while the deadlocked execution is torn down.
#[test]
fn deadlocks_with_guards_held() {
    for engine in ["loom", "shuttle", "exact"] {
        let row = row("engine", "deadlocks_with_guards", engine);
        assert_eq!(row["verdict"], "found(deadlock-free)", "{row}");
        assert_eq!(row["kind"], "deadlock", "{row}");
        assert_eq!(row["as_declared"], true, "{row}");
    }
}

#[test]
fn leaks() {
    for engine in ["loom", "shuttle", "exact"] {
        let row = row("engine", "leaks", engine);
        assert_eq!(row["verdict"], "found(leak-free)", "{row}");
        assert_eq!(row["kind"], "leak", "{row}");
    }
}

#[test]
fn is_not_deterministic() {
    for engine in ["loom", "exact"] {
        let row = row("engine", "is_not_deterministic", engine);
        let verdict = row["verdict"].as_str().unwrap();
        assert!(verdict.starts_with("inconclusive(non-deterministic"), "{row}");
    }
}

#[cfg(unix)]
#[test]
fn overflows_the_stack_of_a_model_thread() {
    for engine in ["loom", "shuttle", "exact"] {
        let row = row("engine", "overflows_a_coroutine", engine);
        assert_eq!(row["verdict"], "crashed(stack overflow)", "{row}");
        assert!(row["message"].as_str().unwrap().contains("model thread"), "{row}");
    }
}

#[test]
fn shares_nothing_and_is_told_so() {
    let row = row("engine", "shares_nothing", "exact");
    assert_eq!(row["verdict"], "exhausted");
    assert!(
        row["message"].as_str().unwrap().starts_with("warning: 2 threads share no checked object"),
        "{row}"
    );
}

mod gate_turns_red {
    use super::*;

    #[test]
    fn a_fixed_variant_that_fails() {
        for engine in ["loom", "shuttle", "exact"] {
            let row = row("counter", "fixed_but_fails", engine);
            assert_eq!(
                (&row["verdict"], &row["as_declared"]),
                (&"found(no-lost-update)".into(), &false.into())
            );
        }
    }

    #[test]
    fn a_buggy_variant_that_does_not_fail() {
        for (engine, verdict) in
            [("loom", "exhausted"), ("exact", "exhausted"), ("shuttle", "not-found(2000)")]
        {
            let row = row("counter", "buggy_but_passes", engine);
            assert_eq!((&row["verdict"], &row["as_declared"]), (&verdict.into(), &false.into()));
        }
    }

    /// Neither another property nor the right property with another kind will do.
    #[test]
    fn a_buggy_variant_that_fails_otherwise() {
        for engine in ["loom", "shuttle", "exact"] {
            let row = row("counter", "fails_otherwise", engine);
            assert_eq!(
                (&row["verdict"], &row["as_declared"]),
                (&"found(no-lost-update)".into(), &false.into())
            );
        }
    }

    #[test]
    fn a_model_in_which_nothing_happens() {
        let row = row("vacuous", "never_sees", "exact");
        assert_eq!((&row["verdict"], &row["as_declared"]), (&"found(store-seen)".into(), &false.into()));
        assert!(row["message"].as_str().unwrap().contains("vacuous"), "{row}");
        let row = super::row("vacuous", "sees", "exact");
        assert_eq!((&row["verdict"], &row["as_declared"]), (&"exhausted".into(), &true.into()));
    }

    /// "Clean", of code that is broken: a search that saw nothing does not show it, on one processor either.
    #[test]
    fn clean_rows_of_broken_code_in_which_nothing_happens() {
        for engine in ["exact", "shuttle"] {
            let row = row("vacuous", "broken_and_blind", engine);
            assert_eq!(row["verdict"], "found(store-seen)", "{row}");
        }
    }

    #[test]
    fn what_is_declared_never_to_be_seen() {
        let right = super::row("vacuous", "rightly", "exact");
        assert_eq!((&right["verdict"], &right["as_declared"]), (&"exhausted".into(), &true.into()));
        let wrong = row("vacuous", "wrongly", "exact");
        assert_eq!(wrong["verdict"], "found(store-seen)");
        assert!(wrong["message"].as_str().unwrap().contains("declared never to be: nobody looks"), "{wrong}");
    }

    #[test]
    fn a_sample_says_what_it_has_not_met() {
        let row = super::row("vacuous", "sampled", "shuttle");
        assert_eq!(row["as_declared"], true, "{row}");
        assert_eq!(row["message"], "none of these executions has met `store-seen`");
    }

    #[test]
    fn a_claim_that_an_engine_cannot_see_it() {
        let rightly = row("reach", "rightly", "shuttle");
        assert_eq!(rightly["verdict"], "out-of-reach(declared by the test)");
        assert_eq!(rightly["as_declared"], true);
        let wrongly = row("reach", "wrongly", "shuttle");
        assert_eq!(
            (&wrongly["verdict"], &wrongly["as_declared"]),
            (&"found(no-lost-update)".into(), &false.into())
        );
        let nobody = row("reach", "nobody_looks", "shuttle");
        assert_eq!(nobody["as_declared"], false);
        assert!(nobody["message"].as_str().unwrap().contains("nobody looks"), "{nobody}");
    }
}

#[test]
fn a_forbidden_outcome_is_found_with_its_word() {
    for engine in ["shuttle", "exact"] {
        let row = row("graded", "forbidden", engine);
        assert_eq!((&row["verdict"], &row["kind"]), (&"found(outcome)".into(), &"assertion".into()));
        assert!(row["message"].as_str().unwrap().contains("`torn`"), "{row}");
        assert!(row["fingerprint"].is_string(), "{row}");
        assert_eq!(row["as_declared"], true);
    }
}

#[cfg(target_os = "linux")]
mod endings {
    use super::*;
    use std::process::{Child, Stdio};

    unsafe extern "C" {
        fn kill(pid: i32, signal: i32) -> i32;
    }
    const SIGINT: i32 = 2;
    const SIGKILL: i32 = 9;

    /// Processes whose parent is `pid`.
    fn children(pid: u32) -> Vec<u32> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let mut all: Vec<u32> = text.split_whitespace().filter_map(|p| p.parse().ok()).collect();
        // Workers are children of the thread that supervises them.
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(text.split_whitespace().filter_map(|p| p.parse::<u32>().ok()));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    fn alive(pid: u32) -> bool {
        // A zombie has ended.
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|s| !s.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
    }

    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_secs(20), "{what} did not happen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A runner whose only worker hangs.
    fn hanging(format: &str) -> (Child, u32) {
        let runner = command(&["check", "process/loops", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("a worker", || children(runner.id()).len() == 1);
        // It has its signals in place once it is past its own start.
        std::thread::sleep(Duration::from_millis(300));
        let worker = children(runner.id())[0];
        (runner, worker)
    }

    fn signal(pid: u32, signal: i32) {
        // SAFETY: sends a signal to a process that this test has started.
        assert_eq!(unsafe { kill(pid as i32, signal) }, 0);
    }

    #[test]
    fn ctrl_c_kills_the_workers_and_prints_what_is_known() {
        let (runner, worker) = hanging("json");
        signal(runner.id(), SIGINT);
        let run: Run = runner.wait_with_output().unwrap().into();
        assert_eq!(run.code, Some(130), "{run:?}");
        let lines = run.json();
        assert_eq!((&lines[0]["type"], &lines[0]["exit_code"]), (&"summary".into(), &130.into()));
        until("the end of the worker", || !alive(worker));
    }

    #[test]
    fn workers_do_not_outlive_a_killed_runner() {
        let (mut runner, worker) = hanging("human");
        signal(runner.id(), SIGKILL);
        runner.wait().unwrap();
        until("the end of the worker", || !alive(worker));
    }
}
