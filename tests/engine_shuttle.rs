//! Engine `shuttle` against programs with known answers.
#![cfg(any(feature = "check", loom, shuttle))]

mod known;

use known::*;
use selvedge::check::engine::{Exploration, Plan, shuttle};
use selvedge::check::model::{Outcome, Strategy};
use selvedge::check::{Kind, Verdict};
use selvedge::sync::{Arc, AtomicU32, Mutex, choose, thread};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::*;

const RANDOM: [Strategy; 3] = [Strategy::Random, Strategy::Pct, Strategy::Urw];

fn dfs<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static) -> Exploration {
    shuttle::explore(&scenario(f), &Plan { executions: 1_000_000, ..plan(Strategy::Dfs) })
}

/// Exhausted by `dfs` with exactly these outcomes; the random strategies find nothing, and no other outcome.
#[track_caller]
fn holds<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + Copy + 'static, want: BTreeSet<String>) {
    let e = dfs(f);
    assert_eq!((&e.verdict, outcomes(&e)), (&Verdict::Exhausted, want.clone()), "{:?}", e.failure);
    for s in RANDOM {
        let e = shuttle::explore(&scenario(f), &plan(s));
        assert_eq!(e.verdict, Verdict::NotFound { n: 5_000 }, "{s:?} {:?}", e.failure);
        assert_eq!(e.executions, 5_000);
        assert!(outcomes(&e).is_subset(&want), "{s:?} saw {:?}, dfs {want:?}", outcomes(&e));
    }
}

/// Found by every strategy, and found again by its schedule.
#[track_caller]
fn fails<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + Copy + 'static, property: &str, kind: Kind) {
    for s in [Strategy::Dfs, Strategy::Random, Strategy::Pct, Strategy::Urw] {
        let e = shuttle::explore(&scenario(f), &plan(s));
        assert_found(&e, property, kind);
        let first = e.failure.unwrap();
        let again = shuttle::replay(&scenario(f), &plan(s), &first.schedule, true);
        assert_found(&again, property, kind);
        let again = again.failure.unwrap();
        assert_eq!(again.schedule, first.schedule, "{s:?}");
        assert_eq!(format!("{:?}", again.events), format!("{:?}", first.events), "{s:?}");
    }
}

#[test]
fn message_passing_needs_its_orderings_though_values_are_sequentially_consistent() {
    for main_reads in [false, true] {
        holds(move || message_passing(Release, Acquire, main_reads), words(["not-yet", "seen"]));
        fails(move || message_passing(Relaxed, Acquire, main_reads), "race-free", Kind::DataRace);
        fails(move || message_passing(Release, Relaxed, main_reads), "race-free", Kind::DataRace);
    }
}

#[test]
fn fences_count() {
    holds(|| message_passing_by_fences(Some(Release), Some(Acquire)), words(["not-yet", "seen"]));
    holds(|| message_passing_by_fences(Some(SeqCst), Some(SeqCst)), words(["not-yet", "seen"]));
    fails(|| message_passing_by_fences(None, Some(Acquire)), "race-free", Kind::DataRace);
    fails(|| message_passing_by_fences(Some(Release), None), "race-free", Kind::DataRace);
}

#[test]
fn without_the_detector_a_missing_ordering_is_out_of_its_reach() {
    let s = scenario(|| message_passing(Relaxed, Relaxed, false));
    let e = shuttle::explore_with(&s, &plan(Strategy::Dfs), false);
    assert_eq!(e.verdict, Verdict::Exhausted);
}

#[test]
fn store_buffering_is_sequentially_consistent_whatever_the_ordering() {
    for (store, load) in [(Relaxed, Relaxed), (Release, Acquire), (SeqCst, SeqCst)] {
        holds(move || store_buffering(store, load), words(["01", "10", "11"]));
    }
    // Two threads of two operations each: every interleaving once.
    assert_eq!(dfs(|| store_buffering(Relaxed, Relaxed)).executions, 6);
}

#[test]
fn a_race_names_both_places() {
    let e = dfs(|| message_passing(Relaxed, Acquire, false));
    let f = e.failure.unwrap();
    let [(a, _, first), (b, _, second)] = &f.sites[..] else { panic!("two sides: {:?}", f.sites) };
    assert_ne!(a, b);
    assert!(first.file().ends_with("known/memory.rs") && second.file().ends_with("known/memory.rs"));
    assert_ne!(first.line(), second.line());
}

#[test]
fn locks() {
    holds(mutex_counter, words(["2"]));
    holds(rw_lock, words(["both", "neither", "one"]));
    holds(readers_share, words(["apart", "together"]));
    holds(lost_update, words(["1", "2"]));
    holds(|| abba(true), words(["done"]));
    fails(|| abba(false), "deadlock-free", Kind::Deadlock);
}

#[test]
fn a_deadlock_says_who_waits_for_what() {
    let e = dfs(|| abba(false));
    let message = e.failure.unwrap().message;
    assert!(message.contains("mutex a") && message.contains("mutex b"), "{message}");
}

#[test]
fn condition_variables() {
    holds(ping_pong, words(["done"]));
    fails(lost_wakeup, "no-lost-wakeup", Kind::LostWakeup);
    holds(wait_without_loop, words(["ready", "spurious"]));
    let e = shuttle::explore(&scenario(notify_one_of_two), &plan(Strategy::Random));
    assert_eq!((e.verdict.word(), outcomes(&e)), ("not-found", words(["in-order", "overtaken"])));
}

#[test]
fn timeouts_are_choices_and_never_deadlock_alone() {
    holds(timed_wait_alone, words(["timed-out", "woken"]));
    holds(timed_wait, words(["timed-out", "timed-out-late", "woken"]));
}

#[test]
fn parking() {
    holds(|| park(true), words(["done"]));
    holds(unpark_self_first, words(["done"]));
    fails(|| park(false), "no-lost-wakeup", Kind::LostWakeup);
    fails(park_twice_for_one_unpark, "no-lost-wakeup", Kind::LostWakeup);
}

#[test]
fn more_threads_than_loom_has() {
    let e = shuttle::explore(&scenario(|| threads(6)), &plan(Strategy::Random));
    assert_eq!((e.verdict, e.outcomes.len()), (Verdict::NotFound { n: 5_000 }, 1));
    assert_eq!(dfs(|| threads(4)).verdict, Verdict::Exhausted);
}

#[test]
fn barriers() {
    holds(barrier, words(["child-leads", "main-leads"]));
}

#[test]
fn spinning_ends_if_it_yields_and_is_a_limit_if_not() {
    holds(|| spin(true), words(["done"]));
    for s in [Strategy::Dfs, Strategy::Pct] {
        let e = shuttle::explore(&scenario(|| spin(false)), &plan(s));
        assert_eq!(e.verdict, Verdict::EngineLimit { what: "steps".to_owned() }, "{s:?}");
    }
    holds(yield_in_a_straight_line, words(["0", "1", "2"]));
}

#[test]
fn weak_exchanges_fail_spuriously_once() {
    holds(weak_cas, words(["exchanged", "spurious"]));
    holds(weak_cas_loop, words(["2"]));
}

#[test]
fn choices_are_enumerated() {
    holds(|| choose(3).to_string(), words(["0", "1", "2"]));
    let e = dfs(|| format!("{}{}", choose(3), choose(2)));
    assert_eq!((e.executions, e.outcomes.len()), (6, 6));
}

#[test]
fn widths_are_respected() {
    holds(arithmetic, words(["done"]));
}

#[test]
fn lifetimes_and_counts() {
    holds(destroyed_by_the_last, words(["any", "last"]));
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
    holds(|| get_mut_in_a_destructor(true), words(["done"]));
    holds(|| get_mut_in_a_destructor(false), words(["done"]));
    // Counts that are scheduling points change no answer.
    let counted = Plan { counted_arcs: true, executions: 1_000_000, ..plan(Strategy::Dfs) };
    let e = shuttle::explore(&scenario(destroyed_by_the_last), &counted);
    assert_eq!(e.verdict, Verdict::Exhausted);
    assert!(e.executions > dfs(destroyed_by_the_last).executions);
}

#[test]
fn a_panic_and_an_assertion_are_told_apart() {
    fails(|| -> &'static str { panic!("no") }, "no-panic", Kind::Panic);
    fails(
        || {
            assert_eq!(lost_update(), "2");
            "kept"
        },
        "no-panic",
        Kind::Assertion,
    );
}

/// Found by a choice of the environment, by every strategy; replayed with that choice, not without it.
#[test]
fn what_the_environment_chose_is_in_the_schedule() {
    fn panics_if(outcome: &'static str, unlucky: &str) -> &'static str {
        assert_ne!(outcome, unlucky);
        outcome
    }
    fails(
        || {
            assert_ne!((choose(3), choose(4)), (1, 2));
            "other"
        },
        "no-panic",
        Kind::Assertion,
    );
    fails(|| panics_if(timed_wait_alone(), "timed-out"), "no-panic", Kind::Assertion);
    fails(|| panics_if(timed_wait(), "timed-out-late"), "no-panic", Kind::Assertion);
    fails(|| panics_if(wait_without_loop(), "spurious"), "no-panic", Kind::Assertion);
    fails(|| panics_if(weak_cas(), "spurious"), "no-panic", Kind::Assertion);
    fails(|| panics_if(notify_one_of_two(), "overtaken"), "no-panic", Kind::Assertion);
}

/// Nothing is spurious here: what differs between these replays is whom `notify_one` chose, and nothing else.
#[test]
fn notify_one_chooses_any_waiter() {
    let s = scenario(|| -> &'static str { panic!("woke {}", who_is_notified(3)) });
    let p = plan(Strategy::Dfs);
    // Nobody is left who can go on: the schedule takes no choice that was not offered.
    let stay = shuttle::replay(&s, &p, &[], false).failure.expect("it always panics");
    let schedule = stay.schedule.clone();
    let choices: Vec<_> = (0..schedule.len()).filter(|i| schedule[*i] & shuttle::DATA != 0).collect();
    let [notified] = choices[..] else { panic!("one choice: {stay:#?}") };
    let mut woken = BTreeSet::new();
    for k in 0..3 {
        let mut other = schedule[..=notified].to_vec();
        other[notified] = shuttle::DATA | k;
        woken.insert(shuttle::replay(&s, &p, &other, false).failure.unwrap().message);
    }
    assert_eq!(woken.len(), 3, "{woken:?}");
    // There are three waiters: a fourth cannot be chosen.
    let fourth: Vec<u32> = schedule[..notified].iter().copied().chain([shuttle::DATA | 3]).collect();
    let e = shuttle::replay(&scenario(|| who_is_notified(3).to_string()), &p, &fourth, true);
    assert!(e.verdict.to_string().contains("one of 3 values is to be chosen"), "{}", e.verdict);
}

#[test]
fn the_same_seed_gives_the_same_exploration() {
    fn both(s: Strategy, seed: u64) -> (String, String) {
        let go = || {
            let f = || {
                let n = lost_update();
                let (a, b, c) = (choose(5), choose(5), choose(5));
                assert!((a, b, c) != (1, 2, 3) || n == "2", "found");
                format!("{n}{a}{b}{c}")
            };
            let e = shuttle::explore(&scenario(f), &Plan { seed, ..plan(s) });
            format!("{e:?}")
        };
        (go(), go())
    }
    let mut different = BTreeSet::new();
    for s in RANDOM {
        for seed in [1, 2] {
            let (a, b) = both(s, seed);
            assert_eq!(a, b, "{s:?} {seed}");
            different.insert(a);
        }
    }
    assert_eq!(different.len(), 6, "strategies and seeds matter");
}

#[test]
fn a_schedule_that_does_not_fit_is_inconclusive_if_strict_and_completed_if_not() {
    let e = dfs(|| abba(false));
    let schedule = e.failure.unwrap().schedule;
    let s = scenario(|| abba(false));
    let p = plan(Strategy::Dfs);
    for wrong in [&schedule[..2], &[9, 9][..], &[shuttle::DATA][..]] {
        let strict = shuttle::replay(&s, &p, wrong, true);
        assert_eq!(strict.verdict.word(), "inconclusive", "{wrong:?}: {:?}", strict.verdict);
        let lenient = shuttle::replay(&s, &p, wrong, false);
        assert!(matches!(lenient.verdict, Verdict::Found { .. } | Verdict::NotFound { n: 1 }), "{lenient:?}");
    }
    // Never leaving a thread that can go on: no deadlock.
    let stay = shuttle::replay(&s, &p, &[], false);
    assert_eq!(stay.verdict, Verdict::NotFound { n: 1 });
}

#[test]
fn limits_are_not_passes() {
    let few = Plan { executions: 3, ..plan(Strategy::Dfs) };
    let e = shuttle::explore(&scenario(|| store_buffering(SeqCst, SeqCst)), &few);
    assert_eq!((e.verdict, e.executions), (Verdict::EngineLimit { what: "executions".to_owned() }, 3));
    let exactly = Plan { executions: 6, ..few };
    let e = shuttle::explore(&scenario(|| store_buffering(SeqCst, SeqCst)), &exactly);
    assert_eq!((e.verdict, e.executions), (Verdict::Exhausted, 6));
    for s in [Strategy::Dfs, Strategy::Random] {
        let none = shuttle::explore(&scenario(mutex_counter), &Plan { executions: 0, ..plan(s) });
        assert_eq!(none.verdict.word(), "inconclusive");
        let short = shuttle::explore(&scenario(mutex_counter), &Plan { steps: 3, ..plan(s) });
        assert_eq!(short.verdict, Verdict::EngineLimit { what: "steps".to_owned() });
    }
}

#[test]
fn a_step_limit_is_what_it_says() {
    let three = || {
        let x = AtomicU32::new(0);
        (0..3).for_each(|n| x.store(n, Relaxed));
        "done"
    };
    let with = |steps| shuttle::explore(&scenario(three), &Plan { steps, ..plan(Strategy::Dfs) }).verdict;
    assert_eq!(with(3), Verdict::Exhausted);
    assert_eq!(with(2), Verdict::EngineLimit { what: "steps".to_owned() });
}

/// Counts that are looked at are steps, though clones and drops are quiet.
#[test]
fn a_look_at_a_count_is_a_step() {
    let looks = || {
        let a = Arc::new(0);
        let weak = Arc::downgrade(&a);
        let t = thread::spawn(move || drop(a));
        let seen = weak.strong_count();
        t.join().unwrap();
        seen.to_string()
    };
    holds(looks, words(["0", "1"]));
    holds(upgrade_or_not, words(["0", "1"]));
}

/// Who yields in vain goes on as soon as the lock is free, not only when something else happens after that.
#[test]
fn an_unlock_is_what_a_yielding_loop_waits_for() {
    let f = || {
        let shared = Arc::new((Mutex::new(()), AtomicU32::new(0)));
        let theirs = shared.clone();
        let t = thread::spawn(move || {
            drop(theirs.0.lock());
            theirs.1.store(1, Relaxed);
        });
        let mut turns = 0;
        while shared.0.try_lock().is_none() {
            turns += 1;
            thread::yield_now();
        }
        let seen = shared.1.load(Relaxed);
        t.join().unwrap();
        format!("{turns} turns, {seen}")
    };
    let e = dfs(f);
    assert_eq!(e.verdict, Verdict::Exhausted);
    assert!(outcomes(&e).contains("2 turns, 0"), "{:?}", outcomes(&e));
}

#[test]
fn a_model_that_is_not_deterministic_is_noticed_by_the_exhaustive_search() {
    static TURN: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let e = dfs(|| {
        if TURN.fetch_add(1, Relaxed).is_multiple_of(2) {
            store_buffering(Relaxed, Relaxed)
        } else {
            String::new()
        }
    });
    assert_eq!(e.verdict.word(), "inconclusive", "{:?}", e.verdict);
}

#[test]
fn a_panic_that_the_model_catches_is_its_own_business() {
    holds(caught_panic, words(["2, 0 before", "2, 1 before"]));
}

/// What a thread that never began has in its closure may borrow from those that are gone when shuttle tears down.
#[test]
fn a_thread_that_has_not_begun_when_an_execution_is_abandoned_is_forgotten() {
    use std::sync::atomic::{AtomicBool, AtomicU32};
    static HOUSE_STANDS: AtomicBool = AtomicBool::new(false);
    static LATE: AtomicU32 = AtomicU32::new(0);
    struct House;
    impl Drop for House {
        fn drop(&mut self) {
            HOUSE_STANDS.store(false, SeqCst);
        }
    }
    struct Tenant<'a>(#[allow(dead_code)] &'a House);
    impl Drop for Tenant<'_> {
        fn drop(&mut self) {
            LATE.fetch_add(u32::from(!HOUSE_STANDS.load(SeqCst)), SeqCst);
        }
    }
    for s in [Strategy::Dfs, Strategy::Random] {
        let e = shuttle::explore(
            &scenario(|| {
                HOUSE_STANDS.store(true, SeqCst);
                let house = House;
                thread::scope(|scope| {
                    let tenant = Tenant(&house);
                    scope.spawn(move || drop(tenant));
                    let n = selvedge::sync::AtomicU32::new(0);
                    assert!(n.load(SeqCst) > 0);
                });
                ""
            }),
            &plan(s),
        );
        assert_found(&e, "no-panic", Kind::Assertion);
        assert_eq!(LATE.load(SeqCst), 0, "{s:?}: it looked at a house that was gone");
    }
}
