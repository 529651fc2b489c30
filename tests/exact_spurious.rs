//! The exact explorer on spurious ends in a row: what takes several at one call is found, what they merely repeat costs
//! nothing.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::engine::Exploration;
use selvedge::check::{Kind, Verdict};
use selvedge::sync::{Arc, AtomicUsize, Condvar, Mutex, Ordering::*, hint, thread};
use support::{counts, outcomes};

fn exact<O: Ending>(f: impl Fn() -> O + Send + Sync + 'static) -> Exploration {
    support::exact(move || f().word())
}

trait Ending {
    fn word(self) -> String;
}
impl Ending for () {
    fn word(self) -> String {
        "done".into()
    }
}
impl Ending for String {
    fn word(self) -> String {
        self
    }
}
impl Ending for &str {
    fn word(self) -> String {
        self.into()
    }
}

fn fails(x: &Exploration) -> bool {
    matches!(x.verdict, Verdict::Found { kind: Kind::Panic, .. })
}

#[track_caller]
fn exhausted<const N: usize>(x: &Exploration, words: [&str; N]) {
    assert_eq!(x.verdict, Verdict::Exhausted);
    assert_eq!(outcomes(x), words.map(String::from).into());
}

/// Two waiters and what they wait for.
#[derive(Default)]
struct Shared {
    m: Mutex<usize>,
    cv: Condvar,
}

#[test]
fn a_count_of_failures_is_followed_as_far_as_it_matters() {
    for most in [1, 2, 3, 9] {
        let x = exact(move || {
            let w = AtomicUsize::new(0);
            let mut fails = 0;
            while w.compare_exchange_weak(0, 1, Relaxed, Relaxed).is_err() {
                fails += 1;
            }
            assert!(fails < most, "{fails} failures");
        });
        assert!(fails(&x), "{most}: {}", x.verdict);
        let steps = x.failure.unwrap().message;
        assert!(steps.contains(&format!("{most} failures")), "{steps}");
    }
}

#[test]
fn calls_in_a_row_may_all_fail() {
    let x = exact(|| {
        let w = AtomicUsize::new(0);
        let failures = (0..5).filter(|_| w.compare_exchange_weak(0, 0, Relaxed, Relaxed).is_err()).count();
        failures.to_string()
    });
    counts(&x, 32);
}

#[test]
fn a_loop_that_gives_up_after_failures() {
    for most in [2, 7, 40] {
        let x = exact(move || {
            let w = Arc::new(AtomicUsize::new(0));
            let w2 = w.clone();
            let h = thread::spawn(move || {
                for _ in 0..most {
                    if w2.compare_exchange_weak(0, 1, Relaxed, Relaxed).is_ok() {
                        return "exchanged";
                    }
                    hint::spin_loop();
                }
                w2.store(2, Relaxed);
                "gave up"
            });
            h.join().unwrap()
        });
        exhausted(&x, ["exchanged", "gave up"]);
        counts(&x, most + 1);
    }
}

/// What a thread has seen when it failed is carried on; there is something new each time.
#[test]
fn failures_on_every_value() {
    let x = exact(|| {
        let w = Arc::new(AtomicUsize::new(0));
        let w2 = w.clone();
        let h = thread::spawn(move || (1..=2).for_each(|i| w2.store(i, Relaxed)));
        let mut seen = 0;
        loop {
            let v = w.load(Relaxed);
            match w.compare_exchange_weak(v, 9, Relaxed, Relaxed) {
                Ok(_) => break,
                Err(e) if e == v => seen |= 1 << v,
                Err(_) => {}
            }
        }
        h.join().unwrap();
        assert!(seen != 0b111, "failed on each");
    });
    assert!(fails(&x), "{}", x.verdict);
}

/// What is new may be what the exchange itself reads.
#[test]
fn one_call_that_fails_on_two_values() {
    let x = exact(|| {
        let w = Arc::new(AtomicUsize::new(0));
        let w2 = w.clone();
        let h = thread::spawn(move || w2.store(1, Relaxed));
        let failed = [0, 1].map(|v| w.compare_exchange_weak(v, 1, Relaxed, Relaxed) == Err(v));
        h.join().unwrap();
        assert!(failed != [true, true], "failed on both");
    });
    assert!(fails(&x), "{}", x.verdict);
}

/// Two loops at one place. What comes of it shows only where another thread comes in between.
#[test]
fn failures_before_a_success_and_after_it() {
    let x = exact(|| {
        let w = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let w2 = w.clone();
        let h = thread::spawn(move || w2[1].store(1, Relaxed));
        let mut failed = [false; 2];
        for (v, failed) in failed.iter_mut().enumerate() {
            while w[0].compare_exchange_weak(v, v + 1, Relaxed, Relaxed).is_err() {
                *failed = true;
            }
        }
        let late = w[1].load(Relaxed) == 1;
        h.join().unwrap();
        assert!(failed != [true, true] || !late, "failed in both");
    });
    assert!(fails(&x), "{}", x.verdict);
}

/// A mask again, of what is read beside the call.
#[test]
fn parks_that_end_early_on_every_value() {
    let x = exact(|| {
        let w = Arc::new(AtomicUsize::new(0));
        let (w2, main) = (w.clone(), thread::current());
        let h = thread::spawn(move || {
            (1..=3).for_each(|i| w2.store(i, Release));
            main.unpark();
        });
        let mut seen = 0;
        loop {
            let v = w.load(Acquire);
            seen |= 1 << v;
            if v == 3 {
                break;
            }
            thread::park();
        }
        h.join().unwrap();
        assert!(seen != 0b1111, "woke on each");
    });
    assert!(fails(&x), "{}", x.verdict);
}

#[test]
fn a_count_of_early_wakes_is_followed() {
    for most in [1, 2, 3] {
        let x = exact(move || {
            let s = Arc::new(Shared::default());
            let s2 = s.clone();
            let h = thread::spawn(move || {
                *s2.m.lock() = 1;
                s2.cv.notify_one();
            });
            let mut g = s.m.lock();
            let mut wakes = 0;
            while *g == 0 {
                s.cv.wait(&mut g);
                wakes += 1;
            }
            drop(g);
            h.join().unwrap();
            // One wake-up may be real.
            assert!(wakes <= most, "{wakes} wakes");
        });
        assert!(fails(&x), "{most}: {}", x.verdict);
    }
}

/// Two items, each waited for once, at one place.
#[test]
fn waits_without_a_loop() {
    let x = exact(|| {
        let s = Arc::new((Mutex::new(0i32), Condvar::new()));
        let s2 = s.clone();
        let h = thread::spawn(move || {
            for _ in 0..2 {
                *s2.0.lock() += 1;
                s2.1.notify_one();
            }
        });
        let mut g = s.0.lock();
        for _ in 0..2 {
            if *g <= 0 {
                s.1.wait(&mut g);
            }
            *g -= 1;
            assert!(*g > -2, "two early wakes");
        }
        drop(g);
        h.join().unwrap();
    });
    assert!(fails(&x), "{}", x.verdict);
}

/// A consumer that is not in the queue at either notification, for it has just woken by itself: whoever is meant to
/// come after it waits for ever.
#[test]
fn notifications_that_come_during_early_wakes() {
    let consume_and_pass = |takes: usize| {
        exact(move || {
            let s = Arc::new((Mutex::new((0usize, 0usize)), Condvar::new()));
            let s2 = s.clone();
            let consumer = thread::spawn(move || {
                let mut unnoticed = 0;
                let mut g = s2.0.lock();
                for n in 1..=takes {
                    while g.0 < n {
                        let before = g.1;
                        s2.1.wait(&mut g);
                        // Nobody was there to be notified.
                        unnoticed += (g.1 > before) as usize;
                    }
                }
                unnoticed
            });
            for _ in 0..takes {
                let mut g = s.0.lock();
                g.0 += 1;
                g.1 += !s.1.notify_one() as usize;
                drop(g);
            }
            let unnoticed = consumer.join().unwrap();
            assert!(unnoticed < takes, "missed all");
        })
    };
    assert!(fails(&consume_and_pass(1)));
    let x = consume_and_pass(2);
    assert!(fails(&x), "{}", x.verdict);
}

#[test]
fn early_ends_after_a_real_one() {
    let x = exact(|| {
        let s = Arc::new(Shared::default());
        let s2 = s.clone();
        let h = thread::spawn(move || {
            let mut g = s2.m.lock();
            let mut word = String::new();
            for n in 1..=2 {
                while *g < n {
                    s2.cv.wait(&mut g);
                    word.push(if *g < n { 'e' } else { 'w' });
                }
            }
            word
        });
        for _ in 0..2 {
            *s.m.lock() += 1;
            s.cv.notify_one();
        }
        let word = h.join().unwrap();
        assert!(word != "ewew", "early, woken, early, woken");
    });
    assert!(fails(&x), "{}", x.verdict);
}

#[test]
fn parks_that_end_early() {
    let x = exact(|| {
        let w = Arc::new(AtomicUsize::new(0));
        let (w2, main) = (w.clone(), thread::current());
        let h = thread::spawn(move || {
            w2.store(1, Release);
            main.unpark();
        });
        let mut early = 0;
        while w.load(Acquire) == 0 {
            thread::park();
            early += 1;
        }
        h.join().unwrap();
        assert!(early < 4, "{early}");
    });
    assert!(fails(&x), "{}", x.verdict);
}

// ------------------------------------------------------------ what they merely repeat

#[test]
fn a_loop_that_carries_nothing_costs_little() {
    let x = exact(|| {
        let w = Arc::new(AtomicUsize::new(0));
        let hs: Vec<_> = (0..2)
            .map(|_| {
                let w = w.clone();
                thread::spawn(move || {
                    let mut v = w.load(Relaxed);
                    while let Err(e) = w.compare_exchange_weak(v, v + 1, Relaxed, Relaxed) {
                        v = e;
                    }
                })
            })
            .collect();
        hs.into_iter().for_each(|h| h.join().unwrap());
        w.load(Relaxed).to_string()
    });
    exhausted(&x, ["2"]);
    assert!(x.executions < 60, "{}", x.executions);
}

#[test]
fn backing_off_is_no_news() {
    let x = exact(|| {
        let w = Arc::new(AtomicUsize::new(0));
        let w2 = w.clone();
        let h = thread::spawn(move || w2.fetch_add(1, Relaxed));
        let (mut step, mut v) = (0, w.load(Relaxed));
        while let Err(e) = w.compare_exchange_weak(v, v + 1, Relaxed, Relaxed) {
            (0..1 << step).for_each(|_| hint::spin_loop());
            (v, step) = (e, step + 1);
        }
        h.join().unwrap();
        w.load(Relaxed).to_string()
    });
    exhausted(&x, ["2"]);
    assert!(x.executions < 30, "{}", x.executions);
}

#[test]
fn waiters_are_no_news_to_each_other() {
    let x = exact(|| {
        let s = Arc::new(Shared::default());
        let hs: Vec<_> = (0..2)
            .map(|_| {
                let s = s.clone();
                thread::spawn(move || {
                    let mut g = s.m.lock();
                    s.cv.wait_while(&mut g, |n| *n == 0);
                })
            })
            .collect();
        *s.m.lock() = 1;
        s.cv.notify_all();
        hs.into_iter().for_each(|h| h.join().unwrap());
    });
    counts(&x, 102);
}

/// The lock is taken anew in every round.
#[test]
fn parked_pollers_of_a_lock_are_no_news_to_each_other() {
    let x = exact(|| {
        let s = Arc::new(Shared::default());
        let hs: Vec<_> = (0..2)
            .map(|_| {
                let s = s.clone();
                thread::spawn(move || {
                    while *s.m.lock() == 0 {
                        thread::park();
                    }
                })
            })
            .collect();
        *s.m.lock() = 1;
        hs.iter().for_each(|h| h.thread().unpark());
        hs.into_iter().for_each(|h| h.join().unwrap());
    });
    counts(&x, 102);
}

/// Every failure is counted where others see it: some are tried, and the verdict says so.
#[test]
fn a_loop_with_effects_is_bounded() {
    let x = exact(|| {
        let w = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let w2 = w.clone();
        let h = thread::spawn(move || {
            while w2[0].compare_exchange_weak(0, 1, Relaxed, Relaxed).is_err() {
                w2[1].fetch_add(1, Relaxed);
            }
        });
        let seen = w[1].load(Relaxed);
        h.join().unwrap();
        seen.to_string()
    });
    assert_eq!(x.verdict, Verdict::Bounded { k: 4 });
    let words = outcomes(&x);
    assert!(["0", "1", "2", "3", "4"].iter().all(|&n| words.contains(n)), "{words:?}");
}

/// A loop may care for one number of failures, and for no greater one.
#[test]
fn one_number_of_failures_alone_matters() {
    for odd in [2, 5, 8] {
        let x = exact(move || {
            let w = AtomicUsize::new(0);
            let mut fails = 0;
            while w.compare_exchange_weak(0, 1, Relaxed, Relaxed).is_err() {
                fails += 1;
            }
            assert!(fails != odd, "{odd}");
        });
        assert!(fails(&x), "{odd}: {:?}", x.verdict);
    }
}

/// What several failures lead to is the same operation on another object.
#[test]
fn failures_that_choose_the_object_are_followed() {
    let x = exact(|| {
        let slots = Arc::new(std::array::from_fn::<_, 3, _>(|_| AtomicUsize::new(0)));
        let theirs = slots.clone();
        let t = thread::spawn(move || {
            let w = AtomicUsize::new(0);
            let mut fails = 0;
            while w.compare_exchange_weak(0, 1, Relaxed, Relaxed).is_err() {
                fails += 1;
            }
            theirs[fails.min(2)].store(1, Relaxed);
        });
        assert!(slots[2].load(Relaxed) == 0, "two failures");
        t.join().unwrap();
    });
    assert!(fails(&x), "{:?}", x.verdict);
}
