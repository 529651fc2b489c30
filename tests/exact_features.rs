//! The exact explorer on what the oracle has no words for: limits, determinism, reference counts, spurious
//! failures, timeouts, abandoned executions, workers.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::engine::{Exploration, Plan, exact};
use selvedge::check::{Kind, Verdict, always};
use selvedge::sync::{
    Arc, AtomicBool, AtomicUsize, Condvar, Mutex, Ordering::*, Weak, cell::UnsafeCell, hint, thread,
};
use std::time::Duration;
use support::{counts, exact, outcomes, plan, scenario};

fn kind(x: &Exploration) -> Option<Kind> {
    match x.verdict {
        Verdict::Found { kind, .. } => Some(kind),
        _ => None,
    }
}

fn spawn_each(n: usize, f: impl Fn(usize) + Clone + Send + 'static) {
    let handles: Vec<_> = (0..n)
        .map(|i| {
            let f = f.clone();
            thread::spawn(move || f(i))
        })
        .collect();
    handles.into_iter().for_each(|h| h.join().unwrap());
}

fn add(w: &AtomicUsize, n: usize) {
    for _ in 0..n {
        w.fetch_add(1, Relaxed);
    }
}

#[test]
fn thirty_one_threads_are_explored_and_thirty_two_refused() {
    let run = |n: usize| {
        exact(move || {
            let words: Arc<Vec<AtomicUsize>> = Arc::new((0..n).map(|_| AtomicUsize::new(0)).collect());
            let w = words.clone();
            spawn_each(n, move |i| w[i].store(i + 1, Relaxed));
            assert!(words.iter().enumerate().all(|(i, w)| w.load(Relaxed) == i + 1));
            "stored"
        })
    };
    counts(&run(31), 1);
    assert_eq!(run(32).verdict.word(), "out-of-reach");
}

#[test]
fn ten_thousand_steps() {
    let run = |steps| {
        let s = scenario(move || {
            let w = Arc::new(AtomicUsize::new(0));
            let w2 = w.clone();
            let h = thread::spawn(move || (0..4990).for_each(|_| w2.store(1, Relaxed)));
            h.join().unwrap();
            (0..4990).for_each(|_| w.store(2, Relaxed));
            "done"
        });
        exact::explore(&s, &Plan { steps, ..plan() })
    };
    counts(&run(10_000), 1);
    assert_eq!(run(9_000).verdict.word(), "engine-limit");
}

#[test]
fn an_execution_limit_is_no_proof() {
    let s = scenario(|| {
        let w = Arc::new(AtomicUsize::new(0));
        let w2 = w.clone();
        spawn_each(2, move |_| add(&w2, 4));
        "done"
    });
    assert_eq!(exact::explore(&s, &Plan { executions: 69, ..plan() }).verdict.word(), "engine-limit");
    counts(&exact::explore(&s, &Plan { executions: 70, ..plan() }), 70);
}

#[test]
fn a_model_that_is_not_deterministic_is_inconclusive() {
    static RUNS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let x = exact(|| {
        let w = Arc::new(AtomicUsize::new(0));
        let w2 = w.clone();
        let odd = RUNS.fetch_add(1, Relaxed) % 2 == 1;
        let h = thread::spawn(move || w2.store(1, Relaxed));
        if odd {
            w.store(2, Relaxed);
        } else {
            w.load(Relaxed);
        }
        h.join().unwrap();
        "done"
    });
    assert_eq!(x.verdict.word(), "inconclusive", "{}", x.verdict);
}

#[test]
fn workers_change_nothing() {
    let good = scenario(|| {
        let w = Arc::new(AtomicUsize::new(0));
        let w2 = w.clone();
        spawn_each(3, move |_| add(&w2, 3));
        w.load(Relaxed).to_string()
    });
    // Fails in one of the 90 orders.
    let bad = scenario(|| {
        let w = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..3)
            .map(|_| {
                let w = w.clone();
                thread::spawn(move || (w.fetch_add(1, Relaxed), w.fetch_add(1, Relaxed)))
            })
            .collect();
        let order: Vec<_> = handles.into_iter().map(|h| h.join().unwrap()).collect();
        always("order", order != [(4, 5), (0, 3), (1, 2)], || "the one order".into());
        "done"
    });
    for s in [good, bad] {
        let one = exact::explore(&s, &plan());
        for _ in 0..5 {
            let two = exact::explore(&s, &Plan { jobs: 2, ..plan() });
            assert_eq!((&one.verdict, one.executions, one.steps), (&two.verdict, two.executions, two.steps));
            assert_eq!(one.outcomes, two.outcomes);
            let schedule = |x: &Exploration| x.failure.as_ref().map(|f| f.schedule.clone());
            assert_eq!(schedule(&one), schedule(&two));
        }
    }
}

#[test]
fn try_lock_fails_while_the_lock_is_held() {
    let x = exact(|| {
        let m = Arc::new(Mutex::new(0));
        let m2 = m.clone();
        let h = thread::spawn(move || *m2.lock() += 1);
        let got = m.try_lock().map(|g| *g);
        h.join().unwrap();
        match got {
            None => "held",
            Some(0) => "before",
            Some(_) => "after",
        }
    });
    assert_eq!(x.verdict, Verdict::Exhausted);
    assert_eq!(outcomes(&x), ["after", "before", "held"].map(String::from).into());
}

/// A value whose destructor does something that others can see.
struct Goodbye(Arc<AtomicUsize>, usize);

impl Drop for Goodbye {
    fn drop(&mut self) {
        self.0.store(self.1, Relaxed);
    }
}

#[test]
fn whoever_drops_last_runs_the_destructor() {
    let x = exact(|| {
        let seen = Arc::new(AtomicUsize::new(0));
        let who = Arc::new(AtomicUsize::new(0));
        let shared = Arc::new(Goodbye(seen.clone(), 7));
        let (s2, w2) = (shared.clone(), who.clone());
        let s3 = seen.clone();
        let h = thread::spawn(move || {
            drop(s2);
            w2.store(s3.load(Relaxed), Relaxed);
        });
        drop(shared);
        let mine = seen.load(Relaxed);
        h.join().unwrap();
        always("destroyed", seen.load(Relaxed) == 7, || "nobody ran the destructor".into());
        format!("{mine}{}", who.load(Relaxed))
    });
    assert_eq!(x.verdict, Verdict::Exhausted, "{}", x.verdict);
    // Both see it, or only the one that dropped last.
    assert_eq!(outcomes(&x), ["07", "70", "77"].map(String::from).into());
}

#[test]
fn upgrade_races_with_the_last_drop() {
    let x = exact(|| {
        let a = Arc::new(5);
        let w: Weak<i32> = Arc::downgrade(&a);
        let h = thread::spawn(move || w.upgrade().map(|a| *a));
        drop(a);
        match h.join().unwrap() {
            Some(5) => "alive",
            None => "gone",
            _ => "garbage",
        }
    });
    assert_eq!(x.verdict, Verdict::Exhausted, "{}", x.verdict);
    assert_eq!(outcomes(&x), ["alive", "gone"].map(String::from).into());
}

#[test]
fn a_cycle_of_references_leaks() {
    struct Node(Mutex<Option<Arc<Node>>>);
    let x = exact(|| {
        let a = Arc::new(Node(Mutex::new(None)));
        *a.0.lock() = Some(a.clone());
        "cycle"
    });
    assert_eq!(kind(&x), Some(Kind::Leak));
}

#[test]
fn a_weak_exchange_fails_spuriously_once() {
    let x = exact(|| {
        let w = AtomicUsize::new(0);
        let first = w.compare_exchange_weak(0, 1, Relaxed, Relaxed).is_ok();
        let second = first || w.compare_exchange_weak(0, 1, Relaxed, Relaxed).is_ok();
        format!("{first} {second}")
    });
    // One failure a call, so both may fail.
    counts(&x, 3);
    assert_eq!(outcomes(&x), ["false false", "false true", "true true"].map(String::from).into());
    let looped = exact(|| {
        let w = AtomicUsize::new(0);
        let mut failures = 0;
        while w.compare_exchange_weak(0, 1, Relaxed, Relaxed).is_err() {
            failures += 1;
        }
        failures.to_string()
    });
    counts(&looped, 2);
}

#[test]
fn notify_one_may_wake_any_waiter() {
    let x = exact(|| {
        let s = Arc::new((Mutex::new((0, 0)), Condvar::new()));
        let order = Arc::new(Mutex::new(String::new()));
        let waiters: Vec<_> = (1..=2)
            .map(|i| {
                let (s, order) = (s.clone(), order.clone());
                thread::spawn(move || {
                    let mut g = s.0.lock();
                    g.0 += 1;
                    while g.1 == 0 {
                        s.1.wait(&mut g);
                    }
                    g.1 -= 1;
                    drop(g);
                    order.lock().push_str(&i.to_string());
                })
            })
            .collect();
        for _ in 0..2 {
            s.0.lock().1 += 1;
            s.1.notify_one();
        }
        waiters.into_iter().for_each(|h| h.join().unwrap());
        order.lock().clone()
    });
    assert_eq!(x.verdict, Verdict::Exhausted, "{}", x.verdict);
    assert_eq!(outcomes(&x), ["12", "21"].map(String::from).into());
}

#[test]
fn a_timed_wait_alone_ends() {
    let x = exact(|| {
        let (m, c) = (Mutex::new(()), Condvar::new());
        let mut g = m.lock();
        if c.wait_for(&mut g, Duration::from_secs(1)).timed_out() { "timeout" } else { "spurious" }
    });
    counts(&x, 2);
    assert_eq!(outcomes(&x), ["spurious", "timeout"].map(String::from).into());
}

#[test]
fn timeouts_in_a_row_are_explored_and_a_loop_of_them_is_bounded() {
    let short = Duration::from_secs(1);
    let x = exact(move || {
        let (m, c) = (Mutex::new(()), Condvar::new());
        let mut g = m.lock();
        let mut timeouts = 0;
        timeouts += c.wait_for(&mut g, short).timed_out() as u32;
        timeouts += c.wait_for(&mut g, short).timed_out() as u32;
        timeouts += c.wait_for(&mut g, short).timed_out() as u32;
        timeouts.to_string()
    });
    assert_eq!(x.verdict, Verdict::Exhausted);
    // A spurious wake-up ends a wait without a timeout.
    assert_eq!(outcomes(&x), ["0", "1", "2", "3"].map(String::from).into());
    let looped = exact(move || {
        let s = Arc::new((Mutex::new(false), Condvar::new()));
        let s2 = s.clone();
        let h = thread::spawn(move || {
            *s2.0.lock() = true;
            s2.1.notify_one();
        });
        let mut g = s.0.lock();
        let mut timeouts = 0;
        while !*g {
            timeouts += s.1.wait_for(&mut g, short).timed_out() as u32;
        }
        drop(g);
        h.join().unwrap();
        timeouts.to_string()
    });
    assert_eq!(looped.verdict, Verdict::Bounded { k: 2 });
    assert_eq!(outcomes(&looped), ["0", "1", "2"].map(String::from).into());
}

#[test]
fn a_failing_scope_unwinds_its_threads_first() {
    let x = exact(|| {
        let word = AtomicBool::new(false);
        let local = Mutex::new(vec![1, 2, 3]);
        thread::scope(|s| {
            s.spawn(|| {
                let g = local.lock();
                hint::spin_until(|| word.load(Relaxed));
                drop(g);
            });
            always("no", false, || "fails while a child holds a lock on our stack".into());
        });
        "never"
    });
    assert_eq!(kind(&x), Some(Kind::Assertion));
}

#[test]
fn what_was_not_published_may_not_be_used() {
    // The pointer travels relaxed: nothing orders the creation of the word before its use.
    let run = |order| {
        exact(move || {
            let slot = Arc::new(selvedge::sync::AtomicPtr::<AtomicUsize>::new(std::ptr::null_mut()));
            let s2 = slot.clone();
            let h = thread::spawn(move || {
                s2.store(Box::into_raw(Box::new(AtomicUsize::new(1))), order);
            });
            let p = slot.load(Acquire);
            // SAFETY: a non-null pointer is to a box that lives until the end of this function.
            let out = if p.is_null() { 0 } else { unsafe { (*p).load(Relaxed) } };
            h.join().unwrap();
            let p = slot.load(Relaxed);
            // SAFETY: the other thread has ended; nobody else is here.
            drop(unsafe { Box::from_raw(p) });
            out.to_string()
        })
    };
    counts(&run(Release), 2);
    assert_eq!(kind(&run(Relaxed)), Some(Kind::DataRace));
}

#[test]
fn a_cell_behind_a_lock_is_ordered_by_it() {
    struct Shared(Mutex<()>, UnsafeCell<u32>);
    // SAFETY: the cell is touched under the mutex only, as the engine confirms.
    unsafe impl Sync for Shared {}
    let x = exact(|| {
        let s = Arc::new(Shared(Mutex::new(()), UnsafeCell::new(0)));
        let s2 = s.clone();
        spawn_each(2, move |_| {
            let _g = s2.0.lock();
            // SAFETY: the mutex is held.
            s2.1.with_mut(|p| unsafe { *p += 1 });
        });
        // SAFETY: both threads have ended.
        s.1.with(|p| unsafe { *p }).to_string()
    });
    counts(&x, 2);
}

#[test]
fn shares_of_a_search_add_up_to_the_whole() {
    let s = scenario(|| {
        let w = Arc::new(AtomicUsize::new(0));
        let w2 = w.clone();
        spawn_each(3, move |_| add(&w2, 3));
        w.load(Relaxed).to_string()
    });
    for n in [1, 2, 3, 7] {
        let shares: Vec<u64> = (0..n)
            .map(|k| exact::explore(&s, &Plan { shard: Some((k, n)), ..plan() }))
            .map(|x| if x.verdict == Verdict::Exhausted { x.executions } else { panic!("{}", x.verdict) })
            .collect();
        assert_eq!(shares.iter().sum::<u64>(), 1680, "{shares:?}");
        assert!(shares.iter().all(|&e| e > 1680 / n as u64 / 3), "{shares:?}");
    }
}
