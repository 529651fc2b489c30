//! `selvedge::model` and `Checker` inside ordinary tests: the test binary is executed again per engine.
//!
//! All engines at once, so not under `--cfg loom` or `--cfg shuttle`, which leave one.
#![cfg(not(any(loom, shuttle)))]

use selvedge::check::{Checker, EngineKind};
use selvedge::sync::{Arc, AtomicU32, Mutex, Named, Ordering, UnsafeCell, thread};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn count(atomic: bool) {
    let n = Arc::new(AtomicU32::new(0).named("n"));
    let add = move |n: &AtomicU32| {
        if atomic {
            n.fetch_add(1, Ordering::Relaxed);
        } else {
            n.store(n.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    };
    let other = {
        let n = n.clone();
        thread::spawn(move || add(&n))
    };
    add(&n);
    other.join().unwrap();
    assert_eq!(n.load(Ordering::Relaxed), 2, "an increment is lost");
}

/// The message of the panic that `f` must end with.
fn complaint(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("the model passed");
    payload.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn a_sound_model_passes() {
    selvedge::model(|| count(true));
}

#[test]
fn the_counterexample_is_in_the_panic() {
    let text = complaint(|| selvedge::model(|| count(false)));
    assert!(text.starts_with("shuttle says found(no-panic)"), "{text}");
    assert!(text.contains("VIOLATED no-panic (assertion)"), "{text}");
    assert!(text.contains("an increment is lost"), "{text}");
    assert!(text.contains("load n -> 0 (rlx)"), "{text}");
}

/// Every engine by itself.
#[test]
fn each_engine_finds_it() {
    for engine in [EngineKind::Loom, EngineKind::Shuttle, EngineKind::Exact] {
        let mut checker = Checker::new();
        checker.engines = vec![engine];
        let text = complaint(|| checker.check(|| count(false)));
        assert!(text.starts_with(&format!("{} says found(no-panic)", engine.word())), "{text}");
    }
}

/// The worker finds its way to the call that it is meant for, past those before it.
#[test]
fn the_second_model_of_a_test_is_the_second() {
    selvedge::model(|| count(true));
    let text = complaint(|| selvedge::model(|| count(false)));
    assert!(text.contains("an increment is lost"), "{text}");
    selvedge::model(|| count(true));
}

#[cfg(unix)]
#[test]
fn an_abort_ends_the_worker_only() {
    let text = complaint(|| selvedge::model(|| std::process::abort()));
    assert!(text.starts_with("shuttle says crashed(SIGABRT: aborted)"), "{text}");
}

/// loom aborts the process when guards are dropped while a deadlock is torn down; the failure stands.
#[test]
fn a_deadlock_with_guards_held_is_found() {
    let mut checker = Checker::new();
    checker.engines = vec![EngineKind::Loom];
    let text = complaint(|| {
        checker.check(|| {
            let (a, b) = (Arc::new(Mutex::new(0).named("a")), Arc::new(Mutex::new(0).named("b")));
            let other = {
                let (a, b) = (a.clone(), b.clone());
                thread::spawn(move || {
                    let _b = b.lock();
                    let _a = a.lock();
                })
            };
            let _a = a.lock();
            let _b = b.lock();
            drop((_a, _b));
            other.join().unwrap();
        });
    });
    assert!(
        text.contains("found(deadlock-free)") && text.contains("VIOLATED deadlock-free (deadlock)"),
        "{text}"
    );
}

/// A limit is not a pass.
#[test]
fn too_few_executions_are_no_proof() {
    let mut checker = Checker::new();
    checker.max_executions = 1;
    checker.engines = vec![EngineKind::Loom];
    let text = complaint(|| checker.check(|| count(true)));
    assert!(text.starts_with("loom says engine-limit("), "{text}");
}

/// A bound is said, and the search with it passes.
#[test]
fn a_bounded_search_passes_as_bounded() {
    let mut checker = Checker::new();
    checker.engines = vec![EngineKind::Loom];
    checker.preemption_bound = Some(1);
    checker.check(|| count(true));
}

/// On a thread without a test's name, the engines run in this process.
#[test]
fn a_thread_without_a_name_runs_in_process() {
    let passes = std::thread::spawn(|| selvedge::model(|| count(true)));
    passes.join().expect("a sound model passes");
    let fails = std::thread::spawn(|| complaint(|| selvedge::model(race)));
    let text = fails.join().expect("the message");
    assert!(text.contains("VIOLATED race-free (data-race)"), "{text}");
}

struct Shared(UnsafeCell<u32>);
// SAFETY: none; the race is what the test plants, and the engines see it before memory is touched.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

fn race() {
    let cell = Arc::new(Shared(UnsafeCell::new(0)));
    let other = {
        let cell = cell.clone();
        // SAFETY: as above.
        thread::spawn(move || cell.0.with_mut(|p| unsafe { *p = 1 }))
    };
    // SAFETY: as above.
    cell.0.with_mut(|p| unsafe { *p = 2 });
    other.join().unwrap();
}
