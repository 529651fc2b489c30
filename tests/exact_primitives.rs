//! Engine `exact` on what an implementation note of stateless model checking leaves open: the primitives that are composed
//! from reads and writes, conditions with several reads, destructors of executions that are left early.
//!
//! The programs are those of the other engines' tests, with the same answers, under both memory models: where nothing but
//! the primitives decides, an engine that enumerates schedules and one that enumerates graphs must agree.
#![cfg(any(feature = "check", loom, shuttle))]

mod known;

use known::*;
use selvedge::check::engine::{Exploration, Plan, exact};
use selvedge::check::model::{Memory, Outcome};
use selvedge::check::{Kind, Verdict, always};
use selvedge::completion::Completion;
use selvedge::sync::atomic::{AtomicU32, Ordering::*};
use selvedge::sync::{Arc, Condvar, Mutex, Once, OnceLock, choose, hint, mpsc, thread};
use std::collections::BTreeSet;

fn explore<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static, memory: Memory) -> Exploration {
    exact::explore(&scenario(f), &Plan { memory, executions: 50_000, ..Plan::default() })
}

/// Exhausted with exactly these outcomes.
#[track_caller]
fn holds<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + Copy + 'static, want: BTreeSet<String>) {
    for memory in [Memory::Rc11, Memory::Sc] {
        let e = explore(f, memory);
        let message = e.failure.as_ref().map(|f| &f.message);
        assert_eq!((&e.verdict, outcomes(&e)), (&Verdict::Exhausted, want.clone()), "{memory:?} {message:?}");
    }
}

#[track_caller]
fn fails<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + Copy + 'static, property: &str, kind: Kind) {
    for memory in [Memory::Rc11, Memory::Sc] {
        assert_found(&explore(f, memory), property, kind);
    }
}

#[test]
fn waits_wake_spuriously_once_a_call() {
    holds(wait_without_loop, words(["ready", "spurious"]));
    holds(ping_pong, words(["done"]));
    fails(lost_wakeup, "no-lost-wakeup", Kind::LostWakeup);
}

#[test]
fn timeouts_may_come_before_a_notification_and_after_it() {
    holds(timed_wait_alone, words(["timed-out", "woken"]));
    holds(timed_wait, words(["timed-out", "timed-out-late", "woken"]));
}

/// Whoever was notified consumes the notification, also if its timeout fires: the other one is not woken by it.
#[test]
fn a_notification_is_for_one() {
    let two = || {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let theirs = shared.clone();
        let t = thread::spawn(move || {
            *theirs.0.lock() += 1;
            theirs.1.notify_one();
        });
        let mut g = shared.0.lock();
        let mut turns = 0;
        while *g == 0 {
            shared.1.wait(&mut g);
            turns += 1;
        }
        drop(g);
        t.join().unwrap();
        // Not at all, once, or once spuriously and once notified.
        format!("{turns} turns")
    };
    holds(two, words(["0 turns", "1 turns", "2 turns"]));
}

#[test]
fn park_tokens() {
    holds(|| park(true), words(["done"]));
    holds(unpark_self_first, words(["done"]));
    fails(|| park(false), "no-lost-wakeup", Kind::LostWakeup);
    fails(park_twice_for_one_unpark, "no-lost-wakeup", Kind::LostWakeup);
}

#[test]
fn locks_and_barriers() {
    holds(mutex_counter, words(["2"]));
    holds(rw_lock, words(["both", "neither", "one"]));
    holds(readers_share, words(["apart", "together"]));
    holds(barrier, words(["child-leads", "main-leads"]));
    holds(|| abba(true), words(["done"]));
    fails(|| abba(false), "deadlock-free", Kind::Deadlock);
}

#[test]
fn exchanges_counts_and_choices() {
    holds(weak_cas, words(["exchanged", "spurious"]));
    holds(weak_cas_loop, words(["2"]));
    holds(arithmetic, words(["done"]));
    holds(lost_update, words(["1", "2"]));
    holds(|| format!("{}{}", choose(2), choose(2)), words(["00", "01", "10", "11"]));
}

#[test]
fn lifetimes_and_counts() {
    holds(destroyed_by_the_last, words(["any", "last"]));
    holds(upgrade_or_not, words(["0", "1"]));
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
}

/// Initialised by one of two, and seen by both; what it wrote plainly is ordered.
#[test]
fn once_and_once_lock() {
    let once = || {
        let shared = Arc::new((Once::new(), Shared::new(0), AtomicU32::new(0)));
        let init = |s: &(Once, Shared<u32>, AtomicU32), me: u32| {
            s.0.call_once(|| {
                s.1.set(me);
                s.2.fetch_add(1, Relaxed);
            });
            s.1.get()
        };
        let theirs = shared.clone();
        let t = thread::spawn(move || init(&theirs, 1));
        let (mine, other) = (init(&shared, 2), t.join().unwrap());
        let runs = shared.2.load(Relaxed);
        always("once", (mine, runs) == (other, 1), || format!("{mine} and {other}, by {runs} runs"));
        mine.to_string()
    };
    holds(once, words(["1", "2"]));
    let lock = || {
        let lock = Arc::new(OnceLock::new());
        let theirs = lock.clone();
        let t = thread::spawn(move || theirs.set("theirs").is_ok());
        let mine = lock.set("mine").is_ok();
        always("one-wins", mine != t.join().unwrap(), || "both or neither".to_owned());
        *lock.get().unwrap()
    };
    holds(lock, words(["mine", "theirs"]));
}

/// Messages arrive whole and in order of sending, and the end is seen after all of them.
#[test]
fn channels_keep_order_and_end() {
    let channel = || {
        let (to, from) = mpsc::channel::<Box<u32>>();
        let t = thread::spawn(move || (0..2).for_each(|n| to.send(Box::new(n)).unwrap()));
        let got: Vec<_> = from.iter().map(|m| *m).collect();
        t.join().unwrap();
        always("in-order", got == [0, 1], || format!("{got:?}"));
        "all"
    };
    holds(channel, words(["all"]));
    let two = || {
        let (to, from) = mpsc::channel();
        let other = to.clone();
        let t = thread::spawn(move || other.send('a').unwrap());
        to.send('b').unwrap();
        t.join().unwrap();
        from.try_iter().collect::<String>()
    };
    holds(two, words(["ab", "ba"]));
}

/// A condition of several reads: met by values of different moments is met, never met is a livelock, and an old value of
/// one of them is not taken for the last.
#[test]
fn conditions_with_several_reads() {
    let both = |raised: u32| {
        move || {
            let flags = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
            let theirs = flags.clone();
            let t = thread::spawn(move || {
                theirs.0.store(1, Relaxed);
                theirs.1.store(raised, Relaxed);
            });
            hint::spin_until(|| flags.0.load(Relaxed) == 1 && flags.1.load(Relaxed) == 1);
            t.join().unwrap();
            "met"
        }
    };
    holds(both(1), words(["met"]));
    fails(both(2), "progress", Kind::Livelock);
    // The two reads may be of two threads' writes, each to be waited for.
    let two_writers = || {
        let flags = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let raise = |second: bool| {
            let flags = flags.clone();
            thread::spawn(move || if second { &flags.1 } else { &flags.0 }.store(1, Release))
        };
        let raisers = [raise(false), raise(true)];
        hint::spin_until(|| flags.1.load(Acquire) + flags.0.load(Acquire) == 2);
        raisers.into_iter().for_each(|r| r.join().unwrap());
        "met"
    };
    holds(two_writers, words(["met"]));
    assert_eq!(explore(two_writers, Memory::Rc11).executions, 1, "a wait is one execution");
}

/// A leaf that another job continues is unwound with a guard held and destructors that use the facade: nothing of that is
/// seen by anybody.
#[test]
fn destructors_of_an_execution_that_is_left_do_nothing() {
    struct Notes(Arc<(AtomicU32, Mutex<u32>)>);
    impl Drop for Notes {
        fn drop(&mut self) {
            self.0.0.fetch_add(1, SeqCst);
            *self.0.1.lock() += 1;
        }
    }
    let left_early = || {
        let shared = Arc::new((AtomicU32::new(0), Mutex::new(0)));
        let flag = Arc::new((AtomicU32::new(0), Mutex::new(())));
        let (theirs, raised) = (shared.clone(), flag.clone());
        let t = thread::spawn(move || {
            let _notes = Notes(theirs);
            let _guard = raised.1.lock();
            hint::spin_until(|| raised.0.load(Acquire) == 1);
        });
        let seen = shared.0.load(SeqCst);
        flag.0.store(1, Release);
        t.join().unwrap();
        let total = (shared.0.load(SeqCst), *shared.1.lock());
        always("dropped-once", total == (1, 1), || format!("{total:?}"));
        seen.to_string()
    };
    holds(left_early, words(["0"]));
}

/// The last access to a completion is the store that ends it: one more, and the waiter's frame is touched when it is gone.
#[test]
fn a_completion_is_not_touched_after_the_store_that_ends_it() {
    let completes = |abandons: bool| {
        move || {
            let completed = Completion::scope(|waiter, signal| {
                let t = thread::spawn(move || if abandons { drop(signal) } else { signal.complete(7) });
                let completed = waiter.wait();
                (completed, t)
            });
            completed.1.join().unwrap();
            format!("{:?}", completed.0)
        }
    };
    holds(completes(false), words(["Ok(7)"]));
    holds(completes(true), words(["Err(Abandoned)"]));
}

/// A choice is no preemption: the certificate counts switches alone.
#[test]
fn the_certificate_does_not_count_choices() {
    let f = || -> &'static str {
        let n = Arc::new(AtomicU32::new(0));
        let theirs = n.clone();
        let by = choose(3) + 1;
        let add = move |n: &AtomicU32| n.store(n.load(SeqCst) + by, SeqCst);
        let t = thread::spawn(move || add(&theirs));
        add(&n);
        t.join().unwrap();
        always("kept", n.load(SeqCst) != 3, || "3 of 6".to_owned());
        "kept"
    };
    let e = explore(f, Memory::Sc);
    assert_found(&e, "kept", Kind::Assertion);
    assert_eq!(e.failure.unwrap().least, Some(1));
}
