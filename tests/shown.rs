//! `Shown`: what an author says of the values of an object stands wherever a counterexample prints one, the same under
//! every engine, and is neither an operation nor a point of scheduling.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::engine::{Exploration, Plan, exact, loom, shuttle};
use selvedge::check::model::{Scenario, Strategy};
use selvedge::check::runner::trace::Trace;
use selvedge::check::{Outcome, Verdict, always, note};
use selvedge::render::timeline::timeline;
use selvedge::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::*};
use selvedge::sync::{Arc, ArcSwap, Condvar, Mutex, Named, RwLock, Shown, thread};
use std::sync::atomic::AtomicUsize as Plain;
use support::{plan, scenario};

const ENGINES: [fn(&Scenario, &Plan) -> Exploration; 3] = [loom::explore, shuttle::explore, exact::explore];

fn dfs() -> Plan {
    Plan { strategy: Strategy::Dfs, ..plan() }
}

/// The trace of `f`, after which a property is violated: the same under every engine.
#[track_caller]
fn trace(f: impl Fn() + Send + Sync + 'static) -> Trace {
    let failing = scenario(move || -> Outcome {
        f();
        always("never", false, String::new);
        "".into()
    });
    let [a, b, c] =
        ENGINES.map(|explore| Trace::of(&explore(&failing, &dfs()).failure.expect("it always fails")));
    assert_eq!(texts(&a), texts(&b));
    assert_eq!(texts(&b), texts(&c));
    assert_eq!((&a.initial, &b.initial), (&b.initial, &c.initial));
    a
}

fn texts(t: &Trace) -> Vec<(&str, &str)> {
    t.events.iter().map(|e| (e.text.as_str(), e.wrote.as_deref().unwrap_or(""))).collect()
}

fn list(nodes: &Vec<u32>) -> String {
    format!("{nodes:?}")
}

#[test]
fn a_section_says_what_it_has_changed() {
    let t = trace(|| {
        let nodes = Mutex::new(vec![0, 2]).named("nodes").shown(list);
        nodes.lock().push(4);
        drop(nodes.lock());
        nodes.lock().clear();
    });
    assert_eq!(
        texts(&t),
        [
            ("lock nodes", ""),
            ("unlock nodes: [0, 2] -> [0, 2, 4]", "[0, 2, 4]"),
            ("lock nodes", ""),
            ("unlock nodes", "[0, 2, 4]"),
            ("lock nodes", ""),
            ("unlock nodes: [0, 2, 4] -> []", "[]"),
        ]
    );
    assert_eq!(t.initial, [("nodes".to_owned(), "[0, 2]".to_owned())]);
    let picture = anstream::adapter::strip_str(&timeline(&t)).to_string();
    assert!(picture.contains(" nodes: [0, 2] -> [0, 2, 4]"), "{picture}");
    assert!(!picture.contains("free"), "not who holds it\n{picture}");
}

#[test]
fn exclusive_sections_of_a_readers_writer_lock_do() {
    let t = trace(|| {
        let table = RwLock::new(vec![1]).named("table").shown(list);
        table.write()[0] = 7;
        drop(table.read());
    });
    let exclusive = ("unlock-write table: [1] -> [7]", "[7]");
    assert_eq!(texts(&t)[1..], [exclusive, ("lock-read table", ""), ("unlock-read table", "")]);
}

/// Others see what was changed before a wait while it lasts, so it belongs before it.
#[test]
fn a_wait_ends_a_section() {
    let failing = scenario(|| -> Outcome {
        let shared = Arc::new((Mutex::new(0).named("n").shown(u32::to_string), Condvar::new().named("more")));
        let theirs = shared.clone();
        let t = thread::spawn(move || {
            let mut n = theirs.0.lock();
            *n += 1;
            while *n < 2 {
                theirs.1.wait(&mut n);
            }
        });
        let mut n = shared.0.lock();
        if *n == 1 {
            *n = 2;
            shared.1.notify_one();
            drop(n);
            t.join().unwrap();
            always("never", false, String::new);
        } else {
            *n = 1;
            drop(n);
            t.join().unwrap();
        }
        "".into()
    });
    for explore in ENGINES {
        let t = Trace::of(&explore(&failing, &dfs()).failure.expect("main can come second"));
        let of_it: Vec<_> = t.events.iter().filter(|e| e.text.contains(" -> ")).map(|e| &e.text).collect();
        assert_eq!(of_it, ["lock n: 0 -> 1", "unlock n: 1 -> 2"]);
        let picture = anstream::adapter::strip_str(&timeline(&t)).to_string();
        assert!(
            picture.contains("1*") && picture.contains("2*"),
            "its column has what it protects\n{picture}"
        );
    }
}

#[test]
fn atomics_say_what_their_values_mean() {
    let t = trace(|| {
        let word = AtomicU32::new(2).named("word");
        let word = word.shown(|w| format!("gen {}, {}", w >> 1, ["open", "closed"][(w & 1) as usize]));
        let _ = word.load(Relaxed);
        word.fetch_or(1, AcqRel);
        let _ = word.compare_exchange(3, 4, AcqRel, Acquire);
        let _ = word.compare_exchange(3, 4, AcqRel, Acquire);
        word.store(7, Release);
        let ready = AtomicBool::new(false).named("ready").shown(|r| if *r { "yes" } else { "no" });
        ready.swap(true, SeqCst);
    });
    assert_eq!(
        texts(&t),
        [
            ("load word -> gen 1, open (rlx)", ""),
            ("or word 1: gen 1, open -> gen 1, closed (acqrel)", "gen 1, closed"),
            ("CAS word gen 1, closed -> gen 2, open ok (acqrel)", "gen 2, open"),
            ("CAS word gen 1, closed -> gen 2, open failed, saw gen 2, open (acq)", ""),
            ("store word = gen 3, closed (rel)", "gen 3, closed"),
            ("swap ready no->yes (sc)", "yes"),
        ]
    );
    assert_eq!(t.initial[0].1, "gen 1, open");
}

#[test]
fn a_pointer_says_where_it_points() {
    let t = trace(|| {
        let head = AtomicPtr::<u32>::default().named("head");
        let head = head.shown(|p| if p.is_null() { "none" } else { "one" });
        head.store(&mut 7, Release);
    });
    assert_eq!(texts(&t), [("store head = one (rel)", "one")]);
}

#[test]
fn a_snapshot_says_what_is_in_it() {
    let t = trace(|| {
        let view = ArcSwap::from_pointee(vec![0]).named("view").shown(list);
        view.store(Arc::new(vec![0, 1]));
        drop(view.load());
    });
    let spoken: Vec<_> = texts(&t).into_iter().filter(|(text, _)| text.contains("view")).collect();
    assert_eq!(spoken, [("swap view [0] -> [0, 1] (sc)", "[0, 1]"), ("load view -> [0, 1] (acq)", "")]);
}

/// Neither a panic nor an operation gets out of an author's closure.
#[test]
fn closures_that_misbehave_change_nothing() {
    let model = |misbehaves: bool| {
        scenario(move || {
            let flag = Arc::new(AtomicU32::new(0).named("flag"));
            let mut nodes = Mutex::new((flag.clone(), 0)).named("nodes");
            if misbehaves {
                nodes = nodes.shown(|(flag, n)| flag.load(Acquire).to_string() + &n.to_string());
                note(|| flag.load(Acquire).to_string());
                note(|| panic!("no words"));
            }
            let (nodes, theirs) = (Arc::new(nodes), flag.clone());
            let also = nodes.clone();
            let t = thread::spawn(move || {
                also.lock().1 += 1;
                theirs.store(1, Release);
            });
            nodes.lock().1 += 1;
            let seen = flag.load(Acquire);
            always("down", seen == 0, || format!("saw {seen}"));
            t.join().unwrap();
            ""
        })
    };
    for explore in ENGINES {
        let [well, ill] = [false, true].map(|m| explore(&model(m), &dfs()));
        let length = |x: &Exploration| x.failure.as_ref().map(|f| f.events.len());
        assert_eq!(
            (well.executions, &well.verdict, length(&well)),
            (ill.executions, &ill.verdict, length(&ill))
        );
        let t = Trace::of(&ill.failure.expect("main can see the flag raised"));
        assert!(t.events.iter().any(|e| e.note == "(panicked); (panicked)"));
        assert!(t.initial.contains(&("nodes".to_owned(), "(panicked)".to_owned())), "{:?}", t.initial);
    }
}

/// loom may take the process down with a failure and has to listen all the time. The others ask again.
#[test]
fn nothing_is_said_while_an_engine_explores() {
    for explore in [shuttle::explore, exact::explore] {
        let said: &'static Plain = Box::leak(Box::default());
        let tell = move |n: &u32| {
            said.fetch_add(1, Relaxed);
            n.to_string()
        };
        let model = move |least: u32| {
            scenario(move || {
                let n = Arc::new(Mutex::new(0).named("n").shown(tell));
                let word = AtomicU32::new(0).named("word").shown(tell);
                let theirs = n.clone();
                let t = thread::spawn(move || *theirs.lock() += 1);
                note(|| tell(&0).to_owned());
                let seen = *n.lock();
                word.store(seen, Relaxed);
                always("least", seen >= least, String::new);
                t.join().unwrap();
                ""
            })
        };
        // Outcomes have witnesses, which are shown: one execution each, and never one for each that was explored.
        let x = explore(&model(0), &Plan { strategy: Strategy::Random, executions: 1_000, ..plan() });
        assert!(matches!(x.verdict, Verdict::NotFound { .. } | Verdict::Exhausted));
        assert!(said.load(Relaxed) <= 5, "said {said:?} times");
        let x = explore(&model(1), &dfs());
        let t = Trace::of(&x.failure.expect("main can come first"));
        assert!(t.initial.contains(&("n".to_owned(), "0".to_owned())) && said.load(Relaxed) > 2);
    }
}
