//! Engine `loom` against programs with known answers, and against its own known gaps.
//!
//! The gaps are tests: one that closes turns red here, and the catalogue's canaries with it.
#![cfg(any(feature = "check", loom, shuttle))]

mod known;

use known::*;
use selvedge::check::engine::{Exploration, Plan, loom};
use selvedge::check::model::{Outcome, Strategy};
use selvedge::check::{Kind, Verdict, always};
use selvedge::sync::atomic::{AtomicU32, Ordering::*, fence};
use selvedge::sync::{Arc, Condvar, Mutex, RwLock, choose, thread};
use std::collections::BTreeSet;

fn plan() -> Plan {
    Plan { executions: 1_000_000, ..known::plan(Strategy::Random) }
}

fn explore<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static) -> Exploration {
    loom::explore(&scenario(f), &plan())
}

#[track_caller]
fn holds<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static, want: BTreeSet<String>) -> Exploration {
    let e = explore(f);
    assert_eq!((&e.verdict, outcomes(&e)), (&Verdict::Exhausted, want), "{:?}", e.failure);
    assert_eq!(e.executions, e.outcomes.values().sum::<u64>());
    e
}

#[track_caller]
fn fails<O: Into<Outcome>>(
    f: impl Fn() -> O + Send + Sync + 'static,
    property: &str,
    kind: Kind,
) -> Exploration {
    let e = explore(f);
    assert_found(&e, property, kind);
    e
}

#[track_caller]
fn refused<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static) {
    let e = explore(f);
    let Verdict::OutOfReach { reason } = &e.verdict else { panic!("{:?}", e.verdict) };
    assert!(reason.contains("use exact or shuttle"), "{reason}");
}

#[test]
fn message_passing_needs_its_orderings() {
    holds(|| message_passing(Release, Acquire, false), words(["not-yet", "seen"]));
    fails(|| message_passing(Relaxed, Acquire, false), "race-free", Kind::DataRace);
    fails(|| message_passing(Release, Relaxed, false), "race-free", Kind::DataRace);
    holds(|| message_passing_by_fences(Some(Release), Some(Acquire)), words(["not-yet", "seen"]));
    fails(|| message_passing_by_fences(None, Some(Acquire)), "race-free", Kind::DataRace);
    fails(|| message_passing_by_fences(Some(Release), None), "race-free", Kind::DataRace);
}

#[test]
fn a_race_names_both_places_in_the_model() {
    let e = fails(|| message_passing(Relaxed, Acquire, false), "race-free", Kind::DataRace);
    let f = e.failure.unwrap();
    let [(a, _, first), (b, _, second)] = &f.sites[..] else { panic!("two sides: {:?}", f.sites) };
    assert_ne!(a, b);
    assert!(first.file().ends_with("known/memory.rs") && second.file().ends_with("known/memory.rs"));
    assert_ne!(first.line(), second.line());
    assert!(f.message.contains("write of o0."), "{}", f.message);
}

#[test]
fn store_buffering_is_seen() {
    let all = words(["00", "01", "10", "11"]);
    holds(|| store_buffering(Relaxed, Relaxed), all.clone());
    holds(|| store_buffering(Release, Acquire), all);
}

#[test]
fn locks() {
    holds(mutex_counter, words(["2"]));
    holds(lost_update, words(["1", "2"]));
    holds(rw_lock, words(["both", "neither", "one"]));
    holds(readers_share, words(["apart", "together"]));
    holds(|| abba(true), words(["done"]));
    let e = fails(|| abba(false), "deadlock-free", Kind::Deadlock);
    let message = e.failure.unwrap().message;
    assert!(message.contains("mutex a") && message.contains("mutex b"), "{message}");
}

/// Each of two waiters is there for one notification; a third finds nobody.
#[test]
fn notifications_are_counted() {
    let each = || {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let waiters = [0, 1].map(|_| {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut waiting = shared.0.lock();
                *waiting += 1;
                shared.1.wait(&mut waiting);
            })
        });
        loop {
            let waiting = shared.0.lock();
            if *waiting == 2 {
                break;
            }
            drop(waiting);
            thread::yield_now();
        }
        let found = [shared.1.notify_one(), shared.1.notify_one(), shared.1.notify_one()];
        always("counted", found == [true, true, false], || format!("{found:?}"));
        waiters.into_iter().for_each(|w| w.join().unwrap());
        "done"
    };
    let e = loom::explore(&scenario(each), &Plan { preemptions: Some(2), ..plan() });
    assert_eq!(e.verdict, Verdict::Bounded { k: 2 }, "{:?}", e.failure.map(|f| f.message));
}

#[test]
fn condition_variables_and_parking() {
    holds(ping_pong, words(["done"]));
    fails(lost_wakeup, "no-lost-wakeup", Kind::LostWakeup);
    holds(|| park(true), words(["done"]));
    holds(unpark_self_first, words(["done"]));
    fails(|| park(false), "no-lost-wakeup", Kind::LostWakeup);
    fails(park_twice_for_one_unpark, "no-lost-wakeup", Kind::LostWakeup);
    holds(barrier, words(["child-leads", "main-leads"]));
}

#[test]
fn an_unpark_does_not_disturb_other_waits() {
    // loom's own unpark makes a thread runnable that waits in join or on a condition variable.
    holds(
        || {
            let shared = Arc::new((Mutex::new(false), Condvar::new()));
            let (theirs, main) = (shared.clone(), thread::current());
            let t = thread::spawn(move || {
                main.unpark();
                *theirs.0.lock() = true;
                theirs.1.notify_one();
                main.unpark();
            });
            let mut g = shared.0.lock();
            while !*g {
                shared.1.wait(&mut g);
            }
            drop(g);
            t.join().unwrap();
            thread::park();
            "done"
        },
        words(["done"]),
    );
}

#[test]
fn what_loom_lacks_is_refused() {
    refused(|| choose(2).to_string());
    refused(timed_wait_alone);
    refused(|| {
        Mutex::new(()).try_lock();
        "done"
    });
    refused(|| {
        RwLock::new(()).try_read();
        "done"
    });
    refused(|| threads(6));
    holds(|| threads(4), words(["4"]));
}

#[test]
fn spinning_ends_if_it_yields_and_is_a_limit_if_not() {
    holds(|| spin(true), words(["done"]));
    let e = explore(|| spin(false));
    assert_eq!(e.verdict, Verdict::EngineLimit { what: "branches".to_owned() });
}

#[test]
fn widths_are_respected() {
    holds(arithmetic, words(["done"]));
}

#[test]
fn lifetimes_and_counts() {
    holds(|| use_after_scope(true), words(["done"]));
    fails(|| use_after_scope(false), "no-use-after-free", Kind::UseAfterFree);
    holds(|| let_go(LetsGo::Last), words(["early", "joined"]));
    let dead = |how| fails(move || let_go(how), "no-use-after-free", Kind::UseAfterFree);
    dead(LetsGo::ThenLooks);
    dead(LetsGo::AtTheEnd);
    dead(LetsGo::LastButOne);
    dead(LetsGo::LastRelaxed);
    fails(leak, "leak-free", Kind::Leak);
    fails(leak_of_a_clone, "leak-free", Kind::Leak);
}

#[test]
fn quiet_counts_give_no_false_races_in_destructors() {
    let quiet = holds(destroyed_by_the_last, words(["any", "last"]));
    let counted = loom::explore(&scenario(destroyed_by_the_last), &Plan { counted_arcs: true, ..plan() });
    assert_eq!(quiet.executions, counted.executions, "explored again with counts that loom sees");
    holds(|| get_mut_in_a_destructor(true), words(["done"]));
    holds(|| get_mut_in_a_destructor(false), words(["done"]));
    // Where nothing relies on a count, loom sees none.
    let quiet = holds(|| threads(3), words(["3"]));
    let upgraded = loom::explore(&scenario(upgrade_or_not), &Plan { counted_arcs: true, ..plan() });
    assert_eq!((upgraded.verdict.clone(), outcomes(&upgraded)), (Verdict::Exhausted, words(["0", "1"])));
    let counted = loom::explore(&scenario(|| threads(3)), &Plan { counted_arcs: true, ..plan() });
    assert!(quiet.executions < counted.executions, "{} {}", quiet.executions, counted.executions);
}

#[test]
fn bounds_and_limits_are_said() {
    let f = scenario(|| store_buffering(Relaxed, Relaxed));
    let bounded = loom::explore(&f, &Plan { preemptions: Some(1), ..plan() });
    assert_eq!(bounded.verdict, Verdict::Bounded { k: 1 });
    let few = loom::explore(&f, &Plan { executions: 2, ..plan() });
    assert_eq!((few.verdict, few.executions), (Verdict::EngineLimit { what: "executions".to_owned() }, 2));
    let all = loom::explore(&f, &plan()).executions;
    let exactly = loom::explore(&f, &Plan { executions: all, ..plan() });
    assert_eq!((exactly.verdict, exactly.executions), (Verdict::Exhausted, all));
    let none = loom::explore(&f, &Plan { executions: 0, ..plan() });
    assert_eq!((none.verdict.word(), none.executions), ("inconclusive", 0));
}

#[test]
fn panics_and_assertions_are_the_models_own() {
    fails(|| -> &'static str { panic!("no") }, "no-panic", Kind::Panic);
    fails(
        || {
            always("both", lost_update() == "2", || "one was lost".to_owned());
            "kept"
        },
        "both",
        Kind::Assertion,
    );
    // In a child, while the main thread waits for it with a guard held.
    fails(
        || {
            let m = Arc::new(Mutex::new(()));
            let theirs = m.clone();
            let t = thread::spawn(move || {
                let x = AtomicU32::new(0);
                x.store(1, Relaxed);
                assert_eq!(x.load(Relaxed), 2);
                drop(theirs);
            });
            let _g = m.lock();
            t.join().unwrap();
            "done"
        },
        "no-panic",
        Kind::Assertion,
    );
}

#[test]
fn a_model_that_is_not_deterministic_is_inconclusive() {
    static TURN: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let e = explore(|| {
        if TURN.fetch_add(1, Relaxed).is_multiple_of(2) {
            store_buffering(Relaxed, Relaxed)
        } else {
            mutex_counter()
        }
    });
    assert_eq!(e.verdict.word(), "inconclusive", "{:?}", e.verdict);
}

#[test]
fn explorations_are_reproducible() {
    let go = || format!("{:?}", explore(|| message_passing(Relaxed, Acquire, false)));
    assert_eq!(go(), go());
    let go = || format!("{:?}", explore(|| store_buffering(Relaxed, Relaxed)));
    assert_eq!(go(), go());
}

mod known_gaps {
    use super::*;

    #[test]
    fn seqcst_accesses_are_acqrel() {
        let e = holds(|| store_buffering(SeqCst, SeqCst), words(["00", "01", "10", "11"]));
        assert!(e.outcomes.contains_key("00"), "the false alarm of tokio-rs/loom#180 is gone");
        holds(
            || {
                // What loom understands instead: fences.
                let xy = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
                let theirs = xy.clone();
                let t = thread::spawn(move || {
                    theirs.0.store(1, Relaxed);
                    fence(SeqCst);
                    theirs.1.load(Relaxed)
                });
                xy.1.store(1, Relaxed);
                fence(SeqCst);
                let b = xy.0.load(Relaxed);
                format!("{}{b}", t.join().unwrap())
            },
            words(["01", "10", "11"]),
        );
    }

    /// A load before a store on the same atomic hides the thread's load from the search (tokio-rs/loom#166, #392).
    fn publish_once(main_reads: bool) -> &'static str {
        let shared = Arc::new((Shared::new(0u32), AtomicU32::new(0)));
        let theirs = shared.clone();
        let write = |s: &(Shared<u32>, AtomicU32)| {
            if s.1.load(Relaxed) == 0 {
                s.0.set(1);
                s.1.store(1, Relaxed);
            }
        };
        let read = |s: &(Shared<u32>, AtomicU32)| {
            if s.1.load(Acquire) == 1 {
                s.0.get();
            }
        };
        if main_reads {
            let t = thread::spawn(move || write(&theirs));
            read(&shared);
            t.join().unwrap();
        } else {
            let t = thread::spawn(move || read(&theirs));
            write(&shared);
            t.join().unwrap();
        }
        "done"
    }

    #[test]
    fn a_publication_without_release_passes_when_main_reads() {
        let e = holds(|| publish_once(true), words(["done"]));
        assert_eq!(e.executions, 1, "loom looks further than it did");
        fails(|| publish_once(false), "race-free", Kind::DataRace);
    }

    #[test]
    fn a_store_is_put_between_the_halves_of_an_rmw() {
        let e = explore(|| {
            let x = Arc::new(AtomicU32::new(0));
            let theirs = x.clone();
            let t = thread::spawn(move || theirs.store(10, Relaxed));
            let before = x.fetch_add(1, Relaxed);
            t.join().unwrap();
            format!("{before},{}", x.load(Relaxed))
        });
        assert_eq!(e.verdict, Verdict::Exhausted);
        assert!(e.outcomes.contains_key("0,1"), "the impossible outcome of tokio-rs/loom#254 is gone");
    }

    #[test]
    fn seqcst_fences_order_without_any_atomic() {
        holds(
            || {
                let x = Arc::new((Shared::new(0), AtomicU32::new(0)));
                let theirs = x.clone();
                let t = thread::spawn(move || {
                    if theirs.1.load(Relaxed) == 1 {
                        fence(SeqCst);
                        theirs.0.get();
                    }
                });
                x.0.set(1);
                x.1.store(1, Relaxed);
                // Too late: a race. loom takes it for happens-before.
                fence(SeqCst);
                t.join().unwrap();
                "done"
            },
            words(["done"]),
        );
    }

    #[test]
    fn nothing_is_spurious_and_waiters_wake_in_order() {
        holds(wait_without_loop, words(["ready"]));
        holds(weak_cas, words(["exchanged"]));
        let e = loom::explore(&scenario(notify_one_of_two), &Plan { preemptions: Some(2), ..plan() });
        assert_eq!((e.verdict.clone(), outcomes(&e)), (Verdict::Bounded { k: 2 }, words(["in-order"])));
    }

    #[test]
    fn a_yield_in_a_straight_line_hides_what_follows() {
        holds(yield_in_a_straight_line, words(["0", "1"]));
    }
}

#[test]
fn a_panic_that_the_model_catches_is_its_own_business() {
    holds(caught_panic, words(["2, 0 before", "2, 1 before"]));
}
