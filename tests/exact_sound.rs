//! Programs that are wrong and that the exact explorer once called proven: each must be found, by what is wrong.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::engine::Exploration;
use selvedge::check::{Kind, Verdict};
use selvedge::sync::{Arc, AtomicU32, Ordering::*, thread};
use support::exact;

#[track_caller]
fn found(x: &Exploration, kind: Kind) {
    let shown = x.failure.as_ref().map(|f| (f.kind, &f.message));
    assert!(matches!(x.verdict, Verdict::Found { kind: k, .. } if k == kind), "{} {shown:?}", x.verdict);
}

/// The counterexample is executed in the order in which it is shown: the failing access is its last event or pending.
#[track_caller]
fn races(x: &Exploration) {
    found(x, Kind::DataRace);
    let f = x.failure.as_ref().unwrap();
    assert!(f.minimal.contains("certified") || f.minimal.contains("no preemption"), "{}", f.minimal);
}

/// Two atomics that two threads share.
fn pair() -> (Arc<[AtomicU32; 2]>, Arc<[AtomicU32; 2]>) {
    let a = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    (a.clone(), a)
}

/// The plain load happens while the store has been asked for and is not executed yet.
#[test]
fn a_plain_load_behind_a_branch_races_with_a_store() {
    let x = exact(|| {
        let (a, b) = pair();
        let h = thread::spawn(move || {
            b[0].store(1, Relaxed);
            b[1].store(1, Relaxed);
        });
        if a[0].load(Relaxed) == 1 {
            // SAFETY: the engine reports the race before it answers.
            unsafe { a[1].unsync_load() };
        }
        h.join().unwrap();
        "ok"
    });
    races(&x);
}

/// The same with a read-modify-write, which is two events.
#[test]
fn a_plain_load_behind_a_branch_races_with_a_read_modify_write() {
    let x = exact(|| {
        let (a, b) = pair();
        let h = thread::spawn(move || {
            b[0].store(1, Release);
            b[1].fetch_add(1, Relaxed);
        });
        if a[0].load(Acquire) == 1 {
            // SAFETY: as above.
            unsafe { a[1].unsync_load() };
        }
        h.join().unwrap();
        "ok"
    });
    races(&x);
}

/// With an exchange, of which only its success is a write.
#[test]
fn a_plain_load_behind_a_branch_races_with_an_exchange_that_succeeds() {
    let run = |expected| {
        exact(move || {
            let (a, b) = pair();
            let h = thread::spawn(move || {
                b[0].store(1, Release);
                let _ = b[1].compare_exchange(expected, 2, Relaxed, Relaxed);
            });
            if a[0].load(Acquire) == 1 {
                // SAFETY: as above.
                unsafe { a[1].unsync_load() };
            }
            h.join().unwrap();
            "ok"
        })
    };
    races(&run(0));
    support::counts(&run(1), 2);
}
