//! The exact explorer on loops: which of them wait, which carry something from round to round, which give up.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::engine::Exploration;
use selvedge::check::{Kind, Verdict};
use selvedge::sync::{Arc, AtomicBool, AtomicUsize, Mutex, Ordering::*, hint, thread};
use std::time::Duration;
use support::{counts, exact, outcomes};

fn kind(x: &Exploration) -> Option<Kind> {
    match x.verdict {
        Verdict::Found { kind, .. } => Some(kind),
        _ => None,
    }
}

fn exhausted<const N: usize>(x: &Exploration, words: [&str; N]) {
    assert_eq!(x.verdict, Verdict::Exhausted);
    assert_eq!(outcomes(x), words.map(String::from).into());
}

/// Spawns `other` on a word that is shared with `this`, which it returns the outcome of.
fn with_word(
    other: impl Fn(&AtomicUsize) + Clone + Send + Sync + 'static,
    this: impl Fn(&AtomicUsize) -> String + Clone + Send + Sync + 'static,
) -> Exploration {
    exact(move || {
        let w = Arc::new(AtomicUsize::new(0));
        let (w2, other) = (w.clone(), other.clone());
        let h = thread::spawn(move || other(&w2));
        let out = this(&w);
        h.join().unwrap();
        out
    })
}

fn wait_for(w: &AtomicUsize, least: usize) {
    while w.load(Acquire) < least {
        hint::spin_loop();
    }
}

#[test]
fn what_a_loop_carries_from_round_to_round_is_explored() {
    let count_up = |w: &AtomicUsize| (1..=3).for_each(|i| w.store(i, Release));
    let x = with_word(count_up, |w| {
        let (mut changes, mut last) = (0, 0);
        loop {
            let v = w.load(Acquire);
            changes += (v != last) as u32;
            last = v;
            if v == 3 {
                return changes.to_string();
            }
            thread::yield_now();
        }
    });
    // It sees any of 0, 1 and 2 before the 3.
    exhausted(&x, ["1", "2", "3"]);
    counts(&x, 8);
}

#[test]
fn a_loop_with_two_yields_waits_too() {
    let x = exact(|| {
        let w = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let w2 = w.clone();
        let h = thread::spawn(move || {
            w2[0].store(1, Release);
            w2[1].store(1, Release);
        });
        let first = loop {
            if w[0].load(Acquire) == 1 {
                break "first";
            }
            hint::spin_loop();
            if w[1].load(Acquire) == 1 {
                break "second";
            }
            thread::yield_now();
        };
        h.join().unwrap();
        first
    });
    exhausted(&x, ["first", "second"]);
}

#[test]
fn loops_through_one_yield_are_told_apart() {
    let count_up = |w: &AtomicUsize| (1..=3).for_each(|i| w.store(i, Release));
    let x = with_word(count_up, |w| {
        wait_for(w, 1);
        wait_for(w, 2);
        wait_for(w, 3);
        "all".into()
    });
    exhausted(&x, ["all"]);
    let stuck = with_word(count_up, |w| {
        wait_for(w, 1);
        wait_for(w, 4);
        "all".into()
    });
    assert_eq!(kind(&stuck), Some(Kind::Livelock));
}

/// Looks at most so often.
fn looks(w: &AtomicUsize, rounds: usize) -> bool {
    for _ in 0..rounds {
        if w.load(Acquire) == 1 {
            return true;
        }
        thread::yield_now();
    }
    false
}

#[test]
fn a_loop_that_gives_up_is_unrolled() {
    for rounds in [1, 2, 5, 40, 200] {
        let x = with_word(|w| w.store(1, Release), move |w| looks(w, rounds).to_string());
        exhausted(&x, ["false", "true"]);
        counts(&x, rounds as u64 + 1);
    }
    let x = with_word(|w| w.store(1, Release), |w| looks(w, 300).to_string());
    assert_eq!(x.verdict.word(), "engine-limit", "{}", x.verdict);
    let x = with_word(|w| w.store(1, Release), |w| looks(w, 2000).to_string());
    assert_eq!(x.verdict.word(), "engine-limit", "{}", x.verdict);
}

#[test]
fn a_loop_that_gives_up_by_a_panic_is_unrolled() {
    let x = with_word(
        |w| w.store(1, Release),
        |w| {
            let mut left = 30;
            while w.load(Acquire) == 0 {
                left -= 1;
                hint::spin_loop();
                if left == 0 {
                    panic!("not in time");
                }
            }
            "in time".into()
        },
    );
    assert_eq!(kind(&x), Some(Kind::Panic), "{}", x.verdict);
}

#[test]
fn how_long_a_loop_looks_may_depend_on_what_was_read() {
    let x = with_word(
        |w| {
            w.store(2, Release);
            w.store(40, Release);
        },
        |w| {
            let rounds = w.load(Acquire);
            for _ in 0..rounds {
                w.load(Relaxed);
                hint::spin_loop();
            }
            rounds.to_string()
        },
    );
    exhausted(&x, ["0", "2", "40"]);
}

#[test]
fn a_condition_that_counts_its_rounds_is_unrolled() {
    let x = with_word(
        |w| w.store(1, Release),
        |w| {
            let mut rounds = 0;
            hint::spin_until(|| {
                rounds += 1;
                rounds > 30 || w.load(Acquire) == 1
            });
            (rounds > 30).to_string()
        },
    );
    exhausted(&x, ["false", "true"]);
}

#[test]
fn samples_without_a_condition_are_no_wait() {
    let x = with_word(
        |w| w.store(1, Release),
        |w| (0..30).map(|_| (w.load(Acquire), thread::yield_now()).0).sum::<usize>().to_string(),
    );
    assert_eq!(x.verdict, Verdict::Exhausted);
    counts(&x, 31);
}

#[test]
fn sleeping_between_samples_is_no_wait() {
    for samples in [2, 3, 7] {
        let x = with_word(
            |w| w.store(1, Release),
            move |w| {
                for _ in 0..samples {
                    thread::sleep(Duration::from_secs(1));
                    w.load(Relaxed);
                }
                "slept".into()
            },
        );
        exhausted(&x, ["slept"]);
        counts(&x, samples + 1);
    }
}

#[test]
fn spinning_for_a_while_and_then_parking() {
    let run = |most: usize, wakes: bool| {
        let me = move || {
            let w = Arc::new(AtomicBool::new(false));
            let (w2, me) = (w.clone(), thread::current());
            let h = thread::spawn(move || {
                w2.store(true, Release);
                if wakes {
                    me.unpark();
                }
            });
            let mut spins = 0;
            while !w.load(Acquire) {
                if spins < most {
                    spins += 1;
                    hint::spin_loop();
                } else {
                    thread::park();
                }
            }
            h.join().unwrap();
            "there"
        };
        exact(me)
    };
    for most in [1, 3, 40] {
        exhausted(&run(most, true), ["there"]);
        assert_eq!(kind(&run(most, false)), Some(Kind::LostWakeup), "{most} spins");
    }
}

#[test]
fn locks_that_are_tried_until_they_are_free() {
    fn by_hand(m: &Mutex<usize>) {
        loop {
            if let Some(mut g) = m.try_lock() {
                *g += 1;
                return;
            }
            thread::yield_now();
        }
    }
    fn declared(m: &Mutex<usize>) {
        hint::spin_until(|| m.try_lock().map(|mut g| *g += 1).is_some());
    }
    for add in [by_hand as fn(&Mutex<usize>), declared] {
        let x = exact(move || {
            let m = Arc::new(Mutex::new(0));
            let m2 = m.clone();
            let h = thread::spawn(move || add(&m2));
            add(&m);
            h.join().unwrap();
            m.lock().to_string()
        });
        exhausted(&x, ["2"]);
    }
}

#[test]
fn a_lock_that_backs_off_longer_and_longer() {
    fn lock(l: &AtomicBool) {
        let mut step = 1;
        while l.compare_exchange(false, true, Acquire, Relaxed).is_err() {
            (0..step).for_each(|_| hint::spin_loop());
            step *= 2;
        }
    }
    let x = exact(|| {
        let l = Arc::new(AtomicBool::new(false));
        let l2 = l.clone();
        let h = thread::spawn(move || {
            lock(&l2);
            l2.store(false, Release);
        });
        lock(&l);
        l.store(false, Release);
        h.join().unwrap();
        "both"
    });
    exhausted(&x, ["both"]);
}

#[test]
fn a_round_may_clone_and_fence() {
    let x = exact(|| {
        let w = Arc::new(AtomicBool::new(false));
        let w2 = w.clone();
        let h = thread::spawn(move || w2.store(true, Release));
        while !w.clone().load(Relaxed) {
            selvedge::sync::fence(Acquire);
            hint::spin_loop();
        }
        h.join().unwrap();
        "seen"
    });
    exhausted(&x, ["seen"]);
}

#[test]
fn rounds_with_effects_are_unrolled_up_to_a_limit() {
    let run = |rounds: usize| {
        exact(move || {
            let w = AtomicUsize::new(0);
            for _ in 0..rounds {
                w.fetch_add(1, Relaxed);
                thread::yield_now();
            }
            "done"
        })
    };
    counts(&run(101), 1);
    assert_eq!(run(usize::MAX).verdict.word(), "engine-limit");
}

#[test]
fn a_loop_that_nobody_ends_is_a_livelock() {
    let x = with_word(
        |w| w.store(1, Release),
        |w| {
            while w.load(Acquire) != 2 {
                hint::spin_loop();
            }
            "two".into()
        },
    );
    assert_eq!(kind(&x), Some(Kind::Livelock));
}
