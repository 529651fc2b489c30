//! The exact explorer against independent answers on programs that branch, choose and wait: under RC11 and SC by
//! guessing what is read (as many executions as graphs), and under SC by a machine that runs every schedule (the
//! same outcomes, and the same ways to stand still).
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::sync::{Arc, AtomicUsize, Condvar, Mutex, Ordering::*, hint, thread};
use std::time::Duration;
use support::oracle::campaign::{Campaign, run};
use support::oracle::{compare, random_blocking};

#[test]
fn control_flow_and_choices() {
    run(&Campaign {
        name: "control flow",
        programs: 300,
        make: random_blocking::flow,
        judge: |p| compare::control_flow(p, 20_000),
    });
}

#[test]
fn condition_variables() {
    run(&Campaign {
        name: "condition variables",
        programs: 300,
        make: random_blocking::condvars,
        judge: |p| compare::blocking(p, 20_000),
    });
}

#[test]
fn spurious_ends() {
    run(&Campaign {
        name: "spurious ends",
        programs: 300,
        make: random_blocking::spurious,
        judge: |p| compare::blocking(p, 1_000),
    });
}

#[test]
fn locks_waited_for_and_tried() {
    run(&Campaign {
        name: "locks, waited for and tried",
        programs: 150,
        make: random_blocking::locks,
        judge: |p| compare::blocking(p, 20_000),
    });
}

#[test]
fn parking() {
    run(&Campaign {
        name: "parking",
        programs: 300,
        make: random_blocking::parking,
        judge: |p| compare::blocking(p, 20_000),
    });
}

#[test]
fn polling() {
    run(&Campaign {
        name: "polling",
        programs: 300,
        make: random_blocking::polling,
        judge: |p| compare::blocking(p, 20_000),
    });
}

/// Two waiters, of whom the second is in the queue only after the first: either may be woken. Outcome: who was woken
/// first, and how many were left for `notify_all`. Waits that can time out, so that nobody waits for ever.
#[test]
fn notify_one_may_wake_the_later_waiter() {
    #[derive(Default)]
    struct Shared {
        m: Mutex<usize>,
        cv: Condvar,
        woken: AtomicUsize,
    }
    let x = support::exact(|| {
        let s = Arc::new(Shared::default());
        let waiter = |me: usize| {
            let s = s.clone();
            move || {
                let mut queued = s.m.lock();
                if *queued == me - 1 {
                    *queued = me;
                    s.cv.wait_for(&mut queued, Duration::from_secs(1));
                    let _ = s.woken.compare_exchange(0, me, Relaxed, Relaxed);
                }
            }
        };
        let (a, b) = (thread::spawn(waiter(1)), thread::spawn(waiter(2)));
        let queued = s.m.lock();
        let left = if *queued == 2 {
            s.cv.notify_one();
            drop(queued);
            hint::spin_until(|| s.woken.load(Relaxed) != 0);
            let _held = s.m.lock();
            s.cv.notify_all()
        } else {
            drop(queued);
            0
        };
        a.join().unwrap();
        b.join().unwrap();
        format!("{} first, {left} left", s.woken.load(Relaxed))
    });
    let words = support::outcomes(&x);
    for wanted in ["1 first, 1 left", "2 first, 1 left"] {
        assert!(words.contains(wanted), "{}: {words:?}", x.verdict);
    }
}
