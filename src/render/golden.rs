//! What the renderers print, kept as files in `goldens/`. `SELVEDGE_UPDATE_GOLDENS=1 cargo test render` writes them
//! anew; read the difference before it is committed.

use super::{html, json, junit, listing, outcomes, table, timeline};
use crate::check::model::{Budget, Catalogue, Check, Discipline, EngineKind, Grade, Model, Variant};
use crate::check::runner::Report;
use crate::check::runner::case::{Case, Selection, select};
use crate::check::runner::tally::{Seen, Tally, Violated, Witness};
use crate::check::runner::trace::{Trace, TraceEvent, TraceSite, TraceThread};
use crate::check::verdict::{Expect, Kind, Verdict};
use std::sync::Arc;
use std::time::Duration;

#[track_caller]
fn golden(name: &str, got: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/render/goldens").join(name);
    if std::env::var_os("SELVEDGE_UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, got).expect("the golden file can be written");
    }
    let want = std::fs::read_to_string(&path).expect("the golden file is there");
    assert_eq!(got, want.replace("\r\n", "\n"), "{name}");
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[track_caller]
fn narrow(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= timeline::WIDTH, "{} wide: {line}", line.chars().count());
    }
}

fn thread(name: &str) -> TraceThread {
    TraceThread { name: name.to_owned(), pending: None, wants: None, ended: false, note: String::new() }
}

fn waiting(name: &str, i: usize, what: &str) -> TraceThread {
    let at = "models/src/locks.rs:9".to_owned();
    let wants = what.split_once(' ').map(|(op, object)| (op.to_owned(), Some(object.to_owned())));
    TraceThread { pending: Some(TraceSite { thread: i, what: what.to_owned(), at }), wants, ..thread(name) }
}

fn event(thread: usize, op: &str, object: Option<&str>, text: &str, line: u32) -> TraceEvent {
    TraceEvent {
        thread,
        op: op.to_owned(),
        object: object.map(str::to_owned),
        text: text.to_owned(),
        at: format!("models/src/counter.rs:{line}"),
        wrote: (op == "store").then(|| text.split(' ').nth(3).unwrap_or_default().to_owned()),
        ..TraceEvent::default()
    }
}

fn lost_update() -> Trace {
    let n = Some("n");
    Trace {
        property: "no-lost-update".to_owned(),
        kind: Kind::Assertion,
        message: "2 increments counted as 1".to_owned(),
        thread: Some(0),
        sites: vec![TraceSite {
            thread: 0,
            what: "violated here".to_owned(),
            at: "models/src/counter.rs:30".to_owned(),
        }],
        threads: vec![thread("main"), TraceThread { ended: true, ..thread("adder") }],
        events: vec![
            event(0, "spawn", None, "spawn adder", 10),
            event(1, "load", n, "load n -> 0 (rlx)", 20),
            event(0, "write-begin", Some("log"), "write log begins", 11),
            event(0, "write-end", Some("log"), "write log ends", 11),
            event(0, "load", n, "load n -> 0 (rlx)", 12),
            event(0, "store", n, "store n = 1 (rlx)", 13),
            event(1, "cas", n, "CAS n 0->1 failed, saw 1 (rlx)", 21),
            event(1, "yield", None, "yield", 22),
            event(1, "yield", None, "yield", 22),
            event(1, "yield", None, "yield", 22),
            event(1, "lock", Some("audit"), "lock audit", 23),
            event(1, "unlock", Some("audit"), "unlock audit", 23),
            event(1, "exit", None, "ends", 10),
            event(0, "join", None, "join adder", 14),
        ],
        schedule: vec![],
        minimal: "no execution with fewer preemptions fails".to_owned(),
        initial: vec![("n".to_owned(), "0".to_owned())],
        ..Trace::empty("", Kind::Assertion)
    }
}

fn deadlock(threads: usize) -> Trace {
    let names: Vec<String> =
        (0..threads).map(|i| if i == 0 { "main".into() } else { format!("t{i}") }).collect();
    let fork = |i: usize| format!("fork[{}]", i % threads);
    let lock = |i: usize| {
        let text = format!("lock {}", fork(i));
        event(i, "lock", Some(&fork(i)), &text, 40 + i as u32)
    };
    Trace {
        property: "deadlock-free".to_owned(),
        kind: Kind::Deadlock,
        message: format!(
            "every thread is blocked: each of {threads} philosophers holds one fork and waits for the next"
        ),
        thread: None,
        sites: vec![],
        threads: (0..threads).map(|i| waiting(&names[i], i, &format!("lock {}", fork(i + 1)))).collect(),
        events: (0..threads).map(lock).collect(),
        schedule: vec![],
        minimal: String::new(),
        ..Trace::empty("", Kind::Assertion)
    }
}

#[test]
fn a_lost_update_in_two_columns() {
    let text = plain(&timeline::timeline(&lost_update()));
    narrow(&text);
    golden("lost_update.txt", &text);
}

/// What a thread said goes before its operation, what it said while it held the lock behind; the last words of the one
/// that failed have a row of their own.
#[test]
fn notes_say_what_operations_are_for() {
    let mut t = lost_update();
    t.events[4].note = "reads the old count".into();
    t.events[10].note = "checks the books".into();
    t.events[11].note = "finds them short".into();
    t.threads[0].note = "compares".into();
    let text = plain(&timeline::timeline(&t));
    narrow(&text);
    for words in [
        "reads the old count: load n -> 0",
        "checks the books: lock+unlock audit, finds",
        "them short",
        "compares",
    ] {
        assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{words}:\n{text}");
    }
}

#[test]
fn a_deadlock_shows_who_waits_for_what() {
    let text = plain(&timeline::timeline(&deadlock(3)));
    narrow(&text);
    golden("deadlock_3.txt", &text);
}

/// Five columns leave no room for positions; six still fit.
#[test]
fn many_threads_stay_narrow() {
    let text = plain(&timeline::timeline(&deadlock(5)));
    narrow(&text);
    golden("deadlock_5.txt", &text);
    for threads in 1..=12 {
        narrow(&plain(&timeline::timeline(&deadlock(threads))));
    }
}

/// The end of a long log is what matters; one word that is too long is cut, not overrun.
#[test]
fn a_long_log_is_shortened_at_its_front() {
    let mut t = lost_update();
    let step = |i: usize| event(i % 2, "store", Some("n"), &format!("store n = {i} (rlx)"), 50 + i as u32);
    t.events = (0..500).map(step).collect();
    t.events.push(event(0, "store", None, &"x".repeat(300), 1));
    t.message = "word ".repeat(100);
    let text = plain(&timeline::timeline(&t));
    narrow(&text);
    assert!(text.contains(" of 501 steps hidden, before rows marked .. ..."), "{text}");
    let rows = text.lines().position(|l| l.starts_with("VIOLATED")).map_or(0, |i| i + 1);
    assert!((10..=timeline::ROWS).contains(&rows), "{rows} rows\n{text}");
    assert!(!text.contains("store n = 0 ") && text.contains("store n = 499 "));
}

pub(super) fn catalogue() -> Catalogue {
    Catalogue::new().model(
        Model::new("counter", "two threads count on one word")
            .incident("000")
            .lesson("Two threads read the same value.")
            .always("no-lost-update", "every increment is counted")
            .sometimes("both-counted", "both increments are seen")
            .outcome("torn", Grade::Forbidden, "half of each")
            .variant(
                Variant::buggy("load_store", || "x", &[("no-lost-update", Kind::Assertion)])
                    .about("not atomic"),
            )
            .variant(Variant::fixed("fetch_add", || "x").about("atomic")),
    )
}

/// Reports as a run over [`catalogue`] could make them: all as declared but the last two.
pub(super) fn reports() -> Vec<Report> {
    let cases = select(&catalogue(), &Selection::default());
    let verdict = |c: &Case| match (c.variant.as_str(), c.engine) {
        ("load_store", _) => Verdict::found(Some("no-lost-update"), Kind::Assertion),
        (_, EngineKind::Native) => Verdict::NotFound { n: 200 },
        (_, EngineKind::Loom) => Verdict::Exhausted,
        (_, EngineKind::Shuttle) => Verdict::found(Some("no-lost-update"), Kind::Assertion),
        (_, EngineKind::Exact) => Verdict::Crashed { how: "SIGSEGV: segmentation fault".to_owned() },
    };
    cases
        .into_iter()
        .map(|case| {
            let verdict = verdict(&case);
            report(case, verdict)
        })
        .collect()
}

fn report(case: Case, verdict: Verdict) -> Report {
    let found = matches!(verdict, Verdict::Found { .. });
    Report {
        as_declared: case.expect.accepts(&verdict),
        message: if found { "2 increments counted as 1".to_owned() } else { String::new() },
        executions: 1234,
        steps: 56789,
        elapsed: Duration::from_millis(1500),
        trace: found.then(lost_update),
        fingerprint: found.then(|| "00c0ffee00c0ffee".to_owned()),
        shape: None,
        tally: Tally {
            whole: verdict == Verdict::Exhausted,
            outcomes: vec![Seen { word: "x".to_owned(), count: 1234, witness: None }],
            violations: Vec::new(),
        },
        stdout: String::new(),
        stderr: if found { String::new() } else { "last words\n".to_owned() },
        engine_failed: false,
        shortening: None,
        verdict,
        case: Arc::new(case),
    }
}

#[test]
fn the_table_and_what_differs() {
    let reports = reports();
    let mut text = table::opening(reports.len(), Budget::Quick.word(), 1, 2) + &table::table(&reports);
    for r in reports.iter().filter(|r| !r.as_declared) {
        text += &table::failure(r, Some(std::path::Path::new("/out/counterexample.json")));
    }
    text += &table::summary(reports.len(), 5, Duration::from_millis(4200), false);
    let text = plain(&text);
    narrow(&text);
    golden("table.txt", &text);
}

/// A verdict that holds on one processor alone says so, wherever it is printed.
#[test]
fn rows_name_their_discipline() {
    let scenario = || "x";
    let one_cpu = [Discipline::Cooperative, Discipline::priority(["rpciod", "task"]), Discipline::Interrupt];
    let checks =
        |v: Variant| one_cpu.iter().fold(v, |v, d| v.check(Check::on_one_cpu(d.clone(), Expect::Exhausted)));
    let variant = checks(Variant::buggy("semaphore", scenario, &[("no-use-after-free", Kind::UseAfterFree)]));
    let catalogue = Catalogue::new().model(Model::new("on_a_stack", "a semaphore").variant(variant));
    let cases = select(&catalogue, &Selection::default());
    let reported = |case: &Case| match case.discipline {
        Discipline::Preemptive => report(case.clone(), Verdict::found(None, Kind::UseAfterFree)),
        _ => report(case.clone(), Verdict::Exhausted),
    };
    let reports: Vec<Report> = cases.iter().map(reported).collect();
    let mut text = listing::list(&catalogue, &|_, _| true) + &table::table(&reports);
    text.extend(cases.iter().map(|c| c.test_name() + "\n"));
    text.extend(cases.iter().map(json::listed));
    let text = plain(&text);
    golden("disciplines.txt", &text);
    let shown = &Report { trace: Some(lost_update()), ..reported(&cases[3]) };
    let header = plain(&listing::counterexample(shown, &|_| None));
    assert!(header.contains("found by shuttle dfs under cooperative in execution"), "{header}");
    let page =
        html::page(&catalogue, &reports, html::Made { budget: "quick", seed: 1, part: None }, &|_| None);
    assert!(page.contains("shuttle dfs under priority(rpciod>task)"));
}

#[test]
fn json_lines() {
    let reports = reports();
    let mut text: String = select(&catalogue(), &Selection::default()).iter().map(json::listed).collect();
    text.extend(reports.iter().map(|r| json::report(r, r.trace.is_some().then_some("/out/c.json".as_ref()))));
    text += &json::summary(reports.len(), 5, Duration::from_millis(4200), 1);
    golden("lines.json", &text);
}

#[test]
fn the_outcomes() {
    let (catalogue, mut reports) = (catalogue(), reports());
    let model = &catalogue.models()[0];
    let witness = |r: &Report| {
        let t = r.trace.as_ref().expect("a counterexample");
        Witness { threads: t.threads.iter().map(|t| t.name.clone()).collect(), events: t.events.clone() }
    };
    // All of a variant that fails, part of one that fails, all of one that holds.
    let seen = Seen { word: "x".to_owned(), count: 30, witness: Some(witness(&reports[0])) };
    let violated = |count| Violated { property: "no-lost-update".to_owned(), kind: Kind::Assertion, count };
    reports[2].tally = Tally { whole: true, outcomes: vec![seen.clone()], violations: vec![violated(10)] };
    reports[0].tally = Tally { whole: false, outcomes: Vec::new(), violations: vec![violated(1)] };
    reports[4].tally = Tally { whole: true, outcomes: vec![seen], violations: Vec::new() };
    assert_eq!(outcomes::best(reports.iter().take(3)).expect("one").case.engine, EngineKind::Exact);
    let mut text: String =
        [2, 0, 4].iter().map(|i| outcomes::text(model, &reports[*i], reports[*i].trace.as_ref())).collect();
    text += &outcomes::line(model, &reports[4]);
    let text = plain(&text);
    narrow(&text);
    golden("outcomes.txt", &text);
}

#[test]
fn junit_document() {
    golden("junit.xml", &junit::document(&reports(), Duration::from_millis(4200)));
}

#[test]
fn the_lesson() {
    let catalogue = catalogue();
    let reports = reports();
    let text = listing::lesson(&catalogue.models()[0]) + &listing::counterexample(&reports[0], &|_| None);
    let text = plain(&text);
    narrow(&text);
    golden("lesson.txt", &text);
    narrow(&plain(&listing::list(&catalogue, &|_, _| true)));
}
