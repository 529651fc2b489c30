//! Where the production types have rules that no engine models: an execution that depends on one is refused, under
//! every engine, and what is modelled of reference counts is what std promises of them.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::engine::{Exploration, Plan, exact, loom, shuttle};
use selvedge::check::model::Scenario;
use selvedge::check::{Kind, Verdict, always};
use selvedge::sync::atomic::{AtomicU32, Ordering::*};
use selvedge::sync::cell::UnsafeCell;
use selvedge::sync::{Arc, Condvar, Mutex, RwLock, thread};
use std::cell::RefCell;
use support::{outcomes, plan, scenario};

const ENGINES: [fn(&Scenario, &Plan) -> Exploration; 3] = [loom::explore, shuttle::explore, exact::explore];

fn unit(f: impl Fn() + Send + Sync + 'static) -> Scenario {
    scenario(move || {
        f();
        ""
    })
}

#[track_caller]
fn refused(f: impl Fn() + Send + Sync + Copy + 'static, says: &str) {
    for explore in ENGINES {
        let x = explore(&unit(f), &Plan { executions: 1_000, ..plan() });
        match &x.verdict {
            Verdict::OutOfReach { reason } => assert!(reason.contains(says), "{reason}"),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn weak_references_are_not_counted() {
    refused(
        || {
            let a = Arc::new(0);
            let w = Arc::downgrade(&a);
            let t = thread::spawn(move || drop(w));
            Arc::weak_count(&a);
            t.join().unwrap();
        },
        "weak_count",
    );
    refused(
        || {
            let mut a = Arc::new(0);
            let w = Arc::downgrade(&a);
            let t = thread::spawn(move || drop(w));
            Arc::get_mut(&mut a);
            t.join().unwrap();
        },
        "Weak references",
    );
    // Between finding the count to be 1 and taking the value, the other one could upgrade.
    refused(
        || {
            let a = Arc::new(0);
            let w = Arc::downgrade(&a);
            let t = thread::spawn(move || drop(w.upgrade()));
            let _ = Arc::try_unwrap(a);
            t.join().unwrap();
        },
        "into_inner",
    );
}

#[test]
fn a_weak_that_nobody_asks_about_is_fine() {
    for explore in ENGINES {
        let x = explore(
            &scenario(|| {
                let a = Arc::new(1);
                let w = Arc::downgrade(&a);
                let t = thread::spawn(move || w.upgrade().map_or(0, |a| *a));
                let n = Arc::into_inner(a).unwrap_or(0);
                (t.join().unwrap() + n).to_string()
            }),
            &Plan { executions: 1_000, ..plan() },
        );
        assert!(x.failure.is_none() && x.verdict.word() != "out-of-reach", "{}", x.verdict);
    }
}

#[test]
fn a_second_share_by_its_holder_is_refused() {
    refused(
        || {
            let l = RwLock::new(0);
            let (_a, _b) = (l.read(), l.read());
        },
        "keep one guard",
    );
    for explore in ENGINES {
        let one_after_the_other = unit(|| {
            let l = Arc::new(RwLock::new(0));
            let theirs = l.clone();
            let t = thread::spawn(move || drop(theirs.read()));
            drop(l.read());
            drop(l.read());
            t.join().unwrap();
        });
        let x = explore(&one_after_the_other, &Plan { executions: 1_000, ..plan() });
        assert!(x.failure.is_none() && x.verdict.word() != "out-of-reach", "{}", x.verdict);
    }
}

#[test]
fn a_condvar_with_two_mutexes_is_refused() {
    refused(
        || {
            let shared = Arc::new((Mutex::new(false), Mutex::new(false), Condvar::new()));
            let theirs = shared.clone();
            let t = thread::spawn(move || {
                let mut done = theirs.1.lock();
                while !*done {
                    theirs.2.wait(&mut done);
                }
            });
            let mut done = shared.0.lock();
            while !*done {
                shared.2.wait(&mut done);
            }
            drop(done);
            t.join().unwrap();
        },
        "two mutexes",
    );
}

/// Counts its destructions.
struct Last(Arc<AtomicU32>);
impl Drop for Last {
    fn drop(&mut self) {
        self.0.store(1, Relaxed);
    }
}

selvedge::sync::thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

#[test]
fn a_scope_does_not_wait_for_thread_locals() {
    let model = |join: bool| {
        move || {
            let gone = Arc::new(AtomicU32::new(0));
            thread::scope(|s| {
                let theirs = gone.clone();
                let t = s.spawn(move || LAST.with(|l| *l.borrow_mut() = Some(Last(theirs))));
                if join {
                    t.join().unwrap();
                }
            });
            always("destroyed", gone.load(Relaxed) == 1, || "the thread-local outlived the scope".to_owned());
        }
    };
    refused(model(false), "join the handle");
    for explore in ENGINES {
        let x = explore(&unit(model(true)), &Plan { executions: 1_000, ..plan() });
        assert!(x.failure.is_none() && x.verdict.word() != "out-of-reach", "{}", x.verdict);
    }
}

/// Who of two gets the value is the order of two drops.
#[test]
fn into_inner_shows_who_was_last() {
    for explore in [loom::explore, exact::explore] {
        let x = explore(
            &scenario(|| {
                let a = Arc::new(7);
                let theirs = a.clone();
                let t = thread::spawn(move || Arc::into_inner(theirs).is_some());
                let mine = Arc::into_inner(a).is_some();
                always("one", t.join().unwrap() != mine, || "both or none".to_owned());
                if mine { "main" } else { "t" }
            }),
            &plan(),
        );
        assert_eq!(x.verdict, Verdict::Exhausted);
        assert_eq!(outcomes(&x), ["main".to_owned(), "t".to_owned()].into());
    }
}

struct Slot(UnsafeCell<u32>);
// SAFETY: what the test is about is whether accesses are ordered; the engines report it before memory is touched.
unsafe impl Sync for Slot {}
// SAFETY: a number.
unsafe impl Send for Slot {}

/// std's `strong_count` is a relaxed load: to read 1 orders nothing. `get_mut` acquires.
#[test]
fn a_count_orders_nothing_and_get_mut_does() {
    let model = |by_count: bool| {
        move || {
            let slot = Arc::new(Slot(UnsafeCell::new(0)));
            let theirs = slot.clone();
            let t = thread::spawn(move || {
                // SAFETY: see `Slot`.
                theirs.0.with_mut(|p| unsafe { *p = 1 });
                drop(theirs);
            });
            let mut slot = slot;
            let alone =
                if by_count { Arc::strong_count(&slot) == 1 } else { Arc::get_mut(&mut slot).is_some() };
            if alone {
                // SAFETY: see `Slot`.
                slot.0.with_mut(|p| unsafe { *p = 2 });
            }
            t.join().unwrap();
        }
    };
    let counted = Plan { counted_arcs: true, ..plan() };
    for explore in [loom::explore, exact::explore] {
        let x = explore(&unit(model(true)), &counted);
        assert_eq!(x.failure.map(|f| f.kind), Some(Kind::DataRace));
        assert_eq!(explore(&unit(model(false)), &counted).verdict, Verdict::Exhausted);
    }
}

/// A payload that is not text is a panic of the model like any other.
#[test]
fn a_payload_of_any_type_is_a_panic_of_the_model() {
    let x = exact::explore(&unit(|| std::panic::resume_unwind(Box::new(7u32))), &plan());
    assert_eq!(x.failure.map(|f| f.kind), Some(Kind::Panic), "{}", x.verdict);
}
