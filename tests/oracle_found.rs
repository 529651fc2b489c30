//! Faults of the exact explorer that the oracle found, as the smallest programs that show them.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::{Kind, Verdict};
use selvedge::sync::{Arc, AtomicUsize, Ordering::*, cell::UnsafeCell, hint, thread};
use support::{counts, exact};

struct Cell(UnsafeCell<u32>);

// SAFETY: the engine reports a race before memory is touched.
unsafe impl Sync for Cell {}

/// What a thread does after its last event is known to whoever joins it.
#[test]
fn a_join_knows_the_plain_accesses_at_the_very_end() {
    let x = exact(|| {
        let c = Arc::new(Cell(UnsafeCell::new(0)));
        let theirs = c.clone();
        // SAFETY (both): joined before the other access.
        let h = thread::spawn(move || theirs.0.with_mut(|p| unsafe { *p = 1 }));
        h.join().unwrap();
        c.0.with(|p| unsafe { *p }).to_string()
    });
    counts(&x, 1);
}

/// While a graph is re-executed, a plain access of an atomic sees what is executed, not what the graph holds.
#[test]
fn a_plain_load_is_before_the_stores_that_come_after_it() {
    let x = exact(|| {
        let a = Arc::new(AtomicUsize::new(0));
        let (reader, writer) = (a.clone(), a.clone());
        let r = thread::spawn(move || reader.load(Relaxed));
        let w = thread::spawn(move || {
            let plain = writer.clone();
            // SAFETY: nobody writes before this thread is joined.
            let seen = thread::spawn(move || unsafe { plain.unsync_load() }).join().unwrap();
            writer.store(1, Relaxed);
            seen
        });
        format!("{}{}", r.join().unwrap(), w.join().unwrap())
    });
    counts(&x, 2);
    assert_eq!(support::outcomes(&x).into_iter().collect::<Vec<_>>(), ["00", "10"]);
}

/// A loop written by hand polls for what never comes, in the executions in which an earlier read was too early.
#[test]
fn what_was_read_before_a_loop_is_not_part_of_it() {
    let x = exact(|| {
        let a = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let theirs = a.clone();
        let h = thread::spawn(move || theirs[0].store(1, Relaxed));
        if a[0].load(Relaxed) == 0 {
            while a[1].load(Relaxed) == 0 {
                hint::spin_loop();
            }
        }
        h.join().unwrap();
        "seen"
    });
    assert!(matches!(x.verdict, Verdict::Found { kind: Kind::Livelock, .. }), "{}", x.verdict);
}

/// A yield that is in no loop is no wait.
#[test]
fn a_yield_may_stand_alone() {
    let x = exact(|| {
        let a = Arc::new(AtomicUsize::new(0));
        let theirs = a.clone();
        let h = thread::spawn(move || theirs.store(1, Relaxed));
        let first = a.load(Relaxed);
        thread::yield_now();
        let second = a.load(Relaxed);
        thread::yield_now();
        h.join().unwrap();
        format!("{first}{second}")
    });
    counts(&x, 3);
}

/// An exchange that fails is a read, which does not conflict with plain reads.
#[test]
fn a_failed_exchange_does_not_race_with_a_plain_load() {
    let run = |expected| {
        exact(move || {
            let a = Arc::new(AtomicUsize::new(1));
            let (plain, exchanged) = (a.clone(), a.clone());
            // SAFETY: the engine reports a race before it answers.
            let h = thread::spawn(move || unsafe { plain.unsync_load() });
            let g = thread::spawn(move || exchanged.compare_exchange(expected, 2, Relaxed, Relaxed));
            format!("{} {:?}", h.join().unwrap(), g.join().unwrap())
        })
    };
    counts(&run(0), 1);
    assert!(matches!(run(1).verdict, Verdict::Found { kind: Kind::DataRace, .. }));
}
