//! Progress under engine `shuttle`: cycles that repeat fairly are livelocks, nothing else is; promises of progress are kept
//! within their rounds.
#![cfg(any(feature = "check", loom, shuttle))]

mod known;

use known::{assert_found, outcomes, scenario, words};
use selvedge::check::engine::{Exploration, Plan, exact, shuttle};
use selvedge::check::model::{Discipline, Outcome, Strategy};
use selvedge::check::run::Failure;
use selvedge::check::{Kind, Verdict, eventually, fingerprint};
use selvedge::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};
use selvedge::sync::{Arc, Condvar, Mutex, choose, hint, thread};
use std::time::Duration;

/// Enough for `dfs` to be done; fewer samples.
fn plan(s: Strategy) -> Plan {
    let executions = if s == Strategy::Dfs { 5_000 } else { 400 };
    Plan { executions, ..known::plan(s) }
}

const ALL: [Strategy; 4] = [Strategy::Dfs, Strategy::Random, Strategy::Pct, Strategy::Urw];

/// Found by every strategy as a cycle, and found again by its schedule. Gives the cycle that `dfs` finds.
#[track_caller]
fn repeats<O: Into<Outcome>>(
    f: impl Fn() -> O + Send + Sync + Copy + 'static,
    property: &str,
) -> Box<Failure> {
    let mut first = None;
    for s in ALL {
        let e = shuttle::explore(&scenario(f), &plan(s));
        assert_found(&e, property, Kind::Livelock);
        let found = e.failure.unwrap();
        let (a, b) = found.repeats.expect("it says which steps repeat");
        assert!(a <= b && b + 1 == found.events.len(), "{s:?}: {a}..={b} of {}", found.events.len());
        assert!(found.message.starts_with("repeats: "), "{}", found.message);
        let again = shuttle::replay(&scenario(f), &plan(s), &found.schedule, true);
        assert_found(&again, property, Kind::Livelock);
        assert_eq!(again.failure.unwrap().repeats, found.repeats, "{s:?}");
        first.get_or_insert(found);
    }
    first.unwrap()
}

/// Exhausted by `dfs`; the random strategies complete what was asked for.
#[track_caller]
fn ends<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + Copy + 'static) -> Exploration {
    for s in ALL {
        let e = shuttle::explore(&scenario(f), &plan(s));
        let held = matches!(e.verdict, Verdict::Exhausted | Verdict::NotFound { n: 400 });
        assert!(held, "{s:?}: {} {:?}", e.verdict, e.failure.map(|f| f.message));
    }
    shuttle::explore(&scenario(f), &plan(Strategy::Dfs))
}

fn threads_of(f: &Failure) -> Vec<u8> {
    let (a, b) = f.repeats.unwrap();
    let mut ids: Vec<u8> = f.events[a..=b].iter().map(|e| e.thread.0).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Two threads want one place, and each gives way when it sees the other. `declare` is called once a turn.
fn polite(declare: impl Fn(u32) + Send + Sync + Copy + 'static, patience: u32) -> &'static str {
    let wants = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
    let enter = move |wants: &[AtomicBool; 2], me: usize| {
        for turn in 0..patience {
            declare(turn);
            wants[me].store(true, SeqCst);
            if !wants[1 - me].load(SeqCst) {
                break;
            }
            wants[me].store(false, SeqCst);
        }
        wants[me].store(false, SeqCst);
    };
    let theirs = wants.clone();
    let t = thread::spawn(move || enter(&theirs, 1));
    enter(&wants, 0);
    t.join().unwrap();
    "both"
}

#[test]
fn two_polite_threads_give_way_for_ever() {
    let found = repeats(|| polite(|_| fingerprint(()), u32::MAX), "progress");
    assert_eq!(threads_of(&found), [0, 1], "both move in the cycle");
    assert!(found.message.contains("main, t1 move"), "{}", found.message);
}

/// Each turn has another number: however long it goes on, no state comes back.
#[test]
fn a_long_loop_that_counts_its_turns_is_no_cycle() {
    for s in [Strategy::Random, Strategy::Urw] {
        let e = shuttle::explore(
            &scenario(|| polite(fingerprint, u32::MAX)),
            &Plan { executions: 50, ..plan(s) },
        );
        assert_eq!(e.verdict, Verdict::NotFound { n: 50 }, "{s:?} {:?}", e.failure);
    }
    let long = || {
        let x = AtomicU32::new(0);
        for turn in 0..300 {
            fingerprint(turn);
            x.store(turn & 1, SeqCst);
            thread::yield_now();
        }
        "done"
    };
    ends(long);
    // What it writes counts as well as what it declares.
    let writes = || {
        let x = AtomicU32::new(0);
        while x.fetch_add(1, SeqCst) < 300 {
            fingerprint("the word is the state");
        }
        "done"
    };
    ends(writes);
}

#[test]
fn without_fingerprints_it_is_a_step_limit() {
    let e = shuttle::explore(&scenario(|| polite(|_| (), u32::MAX)), &plan(Strategy::Dfs));
    assert_eq!(e.verdict, Verdict::EngineLimit { what: "steps".to_owned() });
}

/// One thread declares, the other could do anything: it may be counting.
#[test]
fn a_thread_that_declares_nothing_does_not_repeat() {
    let half = || {
        let turns = Arc::new(AtomicU32::new(0));
        let theirs = turns.clone();
        // Says nothing and counts.
        let t = thread::spawn(move || {
            for _ in 0..200 {
                theirs.store(1, SeqCst);
                theirs.store(0, SeqCst);
            }
            theirs.store(2, SeqCst);
        });
        while turns.load(SeqCst) != 2 {
            fingerprint(());
            thread::yield_now();
        }
        t.join().unwrap();
        "done"
    };
    let e = shuttle::explore(&scenario(half), &Plan { executions: 50, ..plan(Strategy::Random) });
    assert_eq!(e.verdict, Verdict::NotFound { n: 50 }, "{:?}", e.failure);
}

fn waits_for_a_flag(declares: bool, raised: bool) -> &'static str {
    let flag = Arc::new(AtomicBool::new(false));
    let theirs = flag.clone();
    let t = thread::spawn(move || theirs.store(raised, SeqCst));
    while !flag.load(SeqCst) {
        if declares {
            fingerprint(());
        }
    }
    t.join().unwrap();
    "seen"
}

/// Only a scheduler that never lets the other thread run could spin for ever: no livelock, and no endless search.
#[test]
fn an_unfair_spin_is_not_reported() {
    let e = ends(|| waits_for_a_flag(true, true));
    assert_eq!(outcomes(&e), words(["seen"]));
    // Without the declaration nothing keeps the search from it.
    let e = shuttle::explore(&scenario(|| waits_for_a_flag(false, true)), &plan(Strategy::Dfs));
    assert_eq!(e.verdict, Verdict::EngineLimit { what: "steps".to_owned() });
}

#[test]
fn a_fair_spin_for_nothing_is() {
    let found = repeats(|| waits_for_a_flag(true, false), "progress");
    assert_eq!(threads_of(&found), [0], "the other thread has ended");
}

/// Each goes round alone, which is unfair to the other; one after the other is fair.
#[test]
fn cycles_that_are_fair_together_are_one() {
    let both = || {
        let flag = Arc::new(AtomicBool::new(false));
        let spin = |flag: &AtomicBool| {
            while !flag.load(SeqCst) {
                fingerprint(());
            }
        };
        let theirs = flag.clone();
        let t = thread::spawn(move || spin(&theirs));
        spin(&flag);
        t.join().unwrap();
        "done"
    };
    assert_eq!(threads_of(&repeats(both, "progress")), [0, 1]);
}

/// The thread that is starved can go on only now and then, while the lock is free: it must get it.
#[test]
fn who_is_starved_of_a_lock_gets_it() {
    let contended = || {
        let shared = Arc::new((Mutex::new(()), AtomicBool::new(false)));
        let theirs = shared.clone();
        let t = thread::spawn(move || {
            let _g = theirs.0.lock();
            theirs.1.store(true, SeqCst);
        });
        loop {
            fingerprint(());
            let _g = shared.0.lock();
            if shared.1.load(SeqCst) {
                break;
            }
        }
        t.join().unwrap();
        "done"
    };
    ends(contended);
}

/// `spin_until` declares by itself: its condition has no effect.
#[test]
fn spinning_for_what_nobody_will_do_is_a_livelock_in_both_engines() {
    let stuck = || {
        let x = Arc::new(AtomicU32::new(0));
        let theirs = x.clone();
        let t = thread::spawn(move || hint::spin_until(|| theirs.load(Acquire) == 2));
        x.store(1, Release);
        hint::spin_until(|| x.load(Acquire) == 2);
        t.join().unwrap();
        "done"
    };
    let found = repeats(stuck, "progress");
    assert_eq!(threads_of(&found), [0, 1]);
    assert_found(&exact::explore(&scenario(stuck), &plan(Strategy::Random)), "progress", Kind::Livelock);
    let answered = || {
        let x = Arc::new(AtomicU32::new(0));
        let theirs = x.clone();
        let t = thread::spawn(move || {
            hint::spin_until(|| theirs.load(Acquire) == 1);
            theirs.store(2, Release);
        });
        x.store(1, Release);
        hint::spin_until(|| x.load(Acquire) == 2);
        t.join().unwrap();
        "done"
    };
    ends(answered);
}

/// Nobody can be blamed for a coin that always falls the same way; the exhaustive search does not follow it round.
#[test]
fn a_cycle_that_needs_luck_is_none() {
    let coin = || {
        let x = AtomicU32::new(0);
        loop {
            fingerprint(());
            x.load(SeqCst);
            if choose(2) == 1 {
                break "heads";
            }
        }
    };
    let e = ends(coin);
    // Tails at once, and tails later: the first operation of a thread is no decision, so the second turn is the first to
    // come back.
    assert_eq!((e.executions, outcomes(&e)), (2, words(["heads"])));
    let weak = || {
        let x = AtomicU32::new(0);
        while x.compare_exchange_weak(0, 1, SeqCst, SeqCst).is_err() {
            fingerprint(());
        }
        "exchanged"
    };
    ends(weak);
    let spurious = || {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let theirs = shared.clone();
        let t = thread::spawn(move || {
            *theirs.0.lock() = true;
            theirs.1.notify_one();
        });
        let mut g = shared.0.lock();
        while !*g {
            fingerprint(*g);
            shared.1.wait(&mut g);
        }
        drop(g);
        t.join().unwrap();
        "woken"
    };
    ends(spurious);
}

/// Timeouts do happen: two threads that time out and try again for ever are stuck.
#[test]
fn timeouts_keep_a_livelock_going() {
    let retries = || {
        let shared = (Mutex::new(()), Condvar::new());
        let mut g = shared.0.lock();
        loop {
            fingerprint(());
            if !shared.1.wait_for(&mut g, Duration::from_millis(1)).timed_out() {
                break "notified";
            }
        }
    };
    let e = shuttle::explore(&scenario(retries), &Plan { seed: 3, ..plan(Strategy::Random) });
    assert_found(&e, "progress", Kind::Livelock);
}

/// On one processor a loop without a yield keeps everybody else out, and that is fair there.
#[test]
fn disciplines_decide_what_is_fair() {
    let run = |d: Discipline, yields: bool| {
        let f = move || {
            let flag = Arc::new(AtomicBool::new(false));
            let theirs = flag.clone();
            let t = thread::spawn(move || theirs.store(true, SeqCst));
            while !flag.load(SeqCst) {
                fingerprint(());
                if yields {
                    thread::yield_now();
                }
            }
            t.join().unwrap();
            "seen"
        };
        shuttle::explore(&scenario(f), &Plan { discipline: d, ..plan(Strategy::Dfs) })
    };
    assert_eq!(run(Discipline::Preemptive, false).verdict, Verdict::Exhausted);
    let alone = run(Discipline::Cooperative, false);
    assert_found(&alone, "progress", Kind::Livelock);
    assert_eq!(threads_of(&alone.failure.unwrap()), [0]);
    assert_eq!(run(Discipline::Cooperative, true).verdict, Verdict::Exhausted);
    let above = run(Discipline::priority(["main"]), false);
    assert_found(&above, "progress", Kind::Livelock);
    assert!(above.failure.unwrap().repeats.is_some());
}

/// Who yields in vain below a spinning thread is not kept from anything by it: it cannot run there.
#[test]
fn who_cannot_have_the_processor_does_not_count() {
    let f = || {
        let flag = Arc::new(AtomicBool::new(false));
        let named = |name: &str, body: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(body).unwrap()
        };
        let theirs = flag.clone();
        let top = named(
            "top",
            Box::new(move || {
                thread::park();
                while !theirs.load(SeqCst) {
                    fingerprint(());
                }
            }),
        );
        let wakes = top.thread().clone();
        named(
            "middle",
            Box::new(move || {
                thread::park_timeout(Duration::from_millis(1));
                wakes.unpark();
            }),
        );
        loop {
            fingerprint(());
            thread::yield_now();
        }
        #[allow(unreachable_code)]
        "never"
    };
    let d = Discipline::priority(["top", "middle"]);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let p = Plan { discipline: d.clone(), seed, ..plan(Strategy::Random) };
        let e = shuttle::explore(&scenario(f), &p);
        assert_found(&e, "progress", Kind::Livelock);
        seen.insert(threads_of(&e.failure.unwrap()));
    }
    assert!(seen.contains(&vec![1]) && !seen.iter().any(|t| t.len() > 1), "{seen:?}");
}

/// A client that gets in after the server has gone round `turns` times.
fn served(turns: u32, within: u32) -> &'static str {
    let x = Arc::new(AtomicU32::new(0));
    let theirs = x.clone();
    let t = thread::spawn(move || {
        for _ in 0..turns {
            theirs.fetch_add(1, SeqCst);
        }
    });
    let soon = eventually("gets-in", within);
    while x.load(SeqCst) < turns {}
    soon.reached();
    t.join().unwrap();
    "served"
}

#[test]
fn progress_within_rounds_under_fairness() {
    for s in [Strategy::Random, Strategy::Urw] {
        let e = shuttle::explore(&scenario(|| served(8, 10)), &plan(s));
        assert_eq!(e.verdict, Verdict::NotFound { n: 400 }, "{:?}", e.failure);
        let e = shuttle::explore(&scenario(|| served(30, 10)), &plan(s));
        assert_found(&e, "gets-in", Kind::Livelock);
        let found = e.failure.unwrap();
        assert!(found.message.contains("within 10 rounds"), "{}", found.message);
        let again = shuttle::replay(&scenario(|| served(30, 10)), &plan(s), &found.schedule, true);
        assert_found(&again, "gets-in", Kind::Livelock);
    }
}

/// A schedule that lets one thread run alone makes no rounds, however long it is.
#[test]
fn an_unfair_schedule_breaks_no_promise() {
    let alone = || {
        let x = Arc::new(AtomicU32::new(0));
        let theirs = x.clone();
        let t = thread::spawn(move || theirs.load(SeqCst));
        let soon = eventually("done-soon", 2);
        for _ in 0..40 {
            x.fetch_add(1, SeqCst);
        }
        soon.reached();
        t.join().unwrap().to_string()
    };
    // The first execution of the exhaustive search never leaves the thread that runs.
    let e = shuttle::replay(&scenario(alone), &plan(Strategy::Dfs), &[], false);
    assert!(matches!(e.verdict, Verdict::NotFound { n: 1 }), "{:?}", e.failure);
    // Once the other thread has had its only turn, main's steps are rounds.
    let e = shuttle::explore(&scenario(alone), &plan(Strategy::Dfs));
    assert_found(&e, "done-soon", Kind::Livelock);
}

#[test]
fn a_promise_names_the_livelock_that_breaks_it_and_is_not_dropped() {
    let promised = || {
        let soon = eventually("comes-in", 1_000);
        let way = waits_for_a_flag(true, false);
        soon.reached();
        way
    };
    repeats(promised, "comes-in");
    let dropped = || {
        drop(eventually("comes-in", 1_000));
        "given up"
    };
    for e in [
        shuttle::explore(&scenario(dropped), &plan(Strategy::Dfs)),
        exact::explore(&scenario(dropped), &plan(Strategy::Random)),
    ] {
        assert_found(&e, "comes-in", Kind::Assertion);
    }
    let kept = || {
        eventually("comes-in", 0).reached();
        "kept"
    };
    assert_eq!(exact::explore(&scenario(kept), &plan(Strategy::Random)).verdict, Verdict::Exhausted);
}
