//! A catalogue of models that misbehave, for the tests of the runner and of the command line: a `selvedge` command
//! like any other, whose workers abort, hang, fork and worse. Never run by itself.

use selvedge::check::{Catalogue, Check, Discipline, EngineKind, Expect, Grade, Kind, Model, Role, Variant};
use selvedge::check::{always, fingerprint, sometimes};
use selvedge::sync::{Arc, AtomicU32, Condvar, Mutex, Ordering, choose, thread};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    selvedge::check::main(
        Catalogue::new()
            .model(process())
            .model(engines())
            .model(counter())
            .model(vacuous())
            .model(graded())
            .model(reach())
            .model(chance()),
    )
}

/// A fixed variant on real threads, which is what a worker's process has to survive.
fn native(name: &'static str, scenario: impl Fn() -> &'static str + Send + Sync + 'static) -> Variant {
    Variant::new(name, Role::Fixed, scenario).check(Check::new(EngineKind::Native, Expect::NotFound))
}

/// What a model can do to its process.
fn process() -> Model {
    Model::new("process", "models that attack their worker")
        .incident("999")
        .variant(native("behaves", || "fine"))
        .variant(native("aborts", || std::process::abort()))
        .variant(native("panics_twice", || {
            struct Bomb;
            impl Drop for Bomb {
                fn drop(&mut self) {
                    panic!("and again");
                }
            }
            let _bomb = Bomb;
            panic!("once");
        }))
        .variant(native("fails_and_aborts", || {
            struct Abort;
            impl Drop for Abort {
                fn drop(&mut self) {
                    std::process::abort();
                }
            }
            let _abort = Abort;
            always("holds", false, || "what was noted before the abort".to_owned());
            "held"
        }))
        .variant(native("segfaults", || {
            // SAFETY: none; this is the crash that the test wants. Page 0 is never mapped.
            let byte = unsafe { std::ptr::read_volatile(black_box(16usize) as *const u8) };
            if byte == 0 { "read" } else { "read something" }
        }))
        .variant(native("overflows", || if recurse(1) > 0 { "deep" } else { "deeper" }))
        .variant(native("loops", || {
            loop {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }))
        .variant(native("eats_memory", || {
            let mut all = Vec::new();
            // Bounded, so that a runner that does not look fails the test and spares the machine.
            for i in 0..6_000usize {
                all.push(vec![i as u8 | 1; 1 << 20]);
            }
            if black_box(&all).len() == 6_000 { "ate" } else { "ate less" }
        }))
        .variant(native("allocates_too_much", || {
            let mut v: Vec<u8> = Vec::new();
            v.reserve(1 << 46);
            if black_box(&mut v).capacity() > 0 { "allocated" } else { "refused" }
        }))
        .variant(native("prints", || {
            println!("{{\"type\":\"check\",\"forged\":true}}");
            eprintln!("noise on stderr");
            "printed"
        }))
        .variant(native("prints_and_fails", || {
            println!("the last words of the model");
            panic!("a failure worth reading");
        }))
        .variant(native("exits", || std::process::exit(0)))
        .variant(native("exits_with_3", || std::process::exit(3)))
        .variant(native("forks", || {
            #[cfg(unix)]
            {
                unsafe extern "C" {
                    fn fork() -> i32;
                    fn _exit(code: i32) -> !;
                }
                // SAFETY: the child, if the runner lets one be, ends at once.
                unsafe {
                    if fork() == 0 {
                        _exit(0);
                    }
                }
            }
            "forked"
        }))
        .variant(native("leaves_a_child", || {
            // A grandchild that outlives the worker, with the worker's stdout and stderr still open.
            #[cfg(unix)]
            let _ = std::process::Command::new("sleep").arg("5").spawn();
            "left"
        }))
}

#[inline(never)]
fn recurse(n: u64) -> u64 {
    let frame = black_box([n; 64]);
    if n == u64::MAX { frame[0] } else { recurse(n + 1) + black_box(frame)[63] }
}

/// What a model can do to its engine.
fn engines() -> Model {
    let under = |v: Variant, engines: &[EngineKind], pairs: &[(&str, Kind)]| {
        let pairs: Vec<(String, Kind)> = pairs.iter().map(|(p, k)| ((*p).to_owned(), *k)).collect();
        engines.iter().fold(v, |v, e| v.check(Check::new(*e, Expect::Found(pairs.clone()))))
    };
    let all = [EngineKind::Loom, EngineKind::Shuttle, EngineKind::Exact];
    Model::new("engine", "models that attack their engine")
        .variant(under(
            Variant::new("deadlocks_with_guards", Role::Buggy, || {
                let (a, b) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
                let other = {
                    let (a, b) = (a.clone(), b.clone());
                    thread::spawn(move || {
                        let b = b.lock();
                        let a = a.lock();
                        drop((a, b));
                    })
                };
                let ga = a.lock();
                let gb = b.lock();
                drop((gb, ga));
                other.join().unwrap();
                "passed"
            }),
            &all,
            &[("deadlock-free", Kind::Deadlock)],
        ))
        .variant(under(
            Variant::new("leaks", Role::Buggy, || {
                std::mem::forget(Arc::new(AtomicU32::new(0)));
                "leaked"
            })
            .counted_arcs(),
            &all,
            &[("leak-free", Kind::Leak)],
        ))
        .variant(
            Variant::new("is_not_deterministic", Role::Fixed, || {
                use std::sync::atomic::{AtomicU64, Ordering as O};
                static RUNS: AtomicU64 = AtomicU64::new(0);
                let odd = RUNS.fetch_add(1, O::Relaxed) % 2 == 1;
                let n = Arc::new(AtomicU32::new(0));
                let m = Arc::new(Mutex::new(0));
                let other = {
                    let (n, m) = (n.clone(), m.clone());
                    thread::spawn(move || {
                        n.fetch_add(1, Ordering::SeqCst);
                        *m.lock() += 1;
                    })
                };
                if odd {
                    *m.lock() += 1;
                    n.fetch_add(1, Ordering::SeqCst);
                } else {
                    n.fetch_add(1, Ordering::SeqCst);
                    n.load(Ordering::SeqCst);
                    *m.lock() += 1;
                }
                other.join().unwrap();
                "done"
            })
            .check(Check::new(EngineKind::Loom, Expect::Exhausted))
            .check(Check::new(EngineKind::Exact, Expect::Exhausted)),
        )
        .variant(
            Variant::new("overflows_a_coroutine", Role::Fixed, || {
                let other = thread::spawn(|| recurse(1));
                let n = other.join().unwrap_or(0);
                if n > 0 { "deep" } else { "deeper" }
            })
            .check(Check::new(EngineKind::Loom, Expect::Exhausted))
            .check(Check::new(EngineKind::Shuttle, Expect::NotFound))
            .check(Check::new(EngineKind::Exact, Expect::Exhausted)),
        )
        .variant(
            Variant::new("shares_nothing", Role::Fixed, || {
                let other = thread::spawn(|| {
                    let n = AtomicU32::new(0);
                    n.store(1, Ordering::SeqCst);
                });
                other.join().unwrap();
                "done"
            })
            .check(Check::new(EngineKind::Exact, Expect::Exhausted)),
        )
}

fn increments(atomic: bool, order: Ordering) -> &'static str {
    let n = Arc::new(AtomicU32::new(0));
    let add = move |n: &AtomicU32| {
        if atomic {
            n.fetch_add(1, order);
        } else {
            let seen = n.load(order);
            n.store(seen + 1, order);
        }
    };
    let other = {
        let n = n.clone();
        thread::spawn(move || add(&n))
    };
    add(&n);
    other.join().unwrap();
    let total = n.load(Ordering::SeqCst);
    always("no-lost-update", total == 2, || format!("2 increments counted as {total}"));
    "counted"
}

/// The gate turning red, three ways, beside two variants as they should be.
fn counter() -> Model {
    let lost = [("no-lost-update", Kind::Assertion)];
    Model::new("counter", "two threads count on one word")
        .lesson("Two threads read the same value,\nand each writes its own successor.")
        .always("no-lost-update", "every increment is counted")
        .variant(
            Variant::buggy("load_store", || increments(false, Ordering::SeqCst), &lost).about("not atomic"),
        )
        .variant(Variant::fixed("fetch_add", || increments(true, Ordering::SeqCst)).about("atomic"))
        .variant(
            Variant::fixed("fixed_but_fails", || increments(false, Ordering::SeqCst))
                .without(EngineKind::Native),
        )
        .variant(Variant::buggy("buggy_but_passes", || increments(true, Ordering::SeqCst), &lost))
        .variant(Variant::buggy(
            "fails_otherwise",
            || increments(false, Ordering::SeqCst),
            &[("another-property", Kind::Assertion), ("no-lost-update", Kind::Panic)],
        ))
}

/// `sometimes` guards against models in which nothing happens.
fn vacuous() -> Model {
    let scenario = |good: bool| {
        move || {
            let n = Arc::new(AtomicU32::new(0));
            let other = {
                let n = n.clone();
                thread::spawn(move || n.store(1, Ordering::SeqCst))
            };
            let seen = n.load(Ordering::SeqCst);
            sometimes("store-seen", good && seen == 1);
            other.join().unwrap();
            "done"
        }
    };
    let exact = || Check::new(EngineKind::Exact, Expect::Exhausted);
    let one_cpu = || Check::on_one_cpu(Discipline::Cooperative, Expect::Exhausted);
    let declared =
        |name, scenario| Variant::new(name, Role::Buggy, scenario).never_sees("store-seen", "nobody looks");
    Model::new("vacuous", "a property that must be seen")
        .sometimes("store-seen", "the store is seen by the other thread")
        .variant(Variant::new("sees", Role::Fixed, scenario(true)).check(exact()))
        .variant(Variant::new("never_sees", Role::Fixed, scenario(false)).check(exact()))
        .variant(
            Variant::new("broken_and_blind", Role::Buggy, scenario(false)).check(exact()).check(one_cpu()),
        )
        .variant(declared("rightly", scenario(false)).check(exact()))
        .variant(declared("wrongly", scenario(true)).check(exact()))
        .variant(
            Variant::new("sampled", Role::Fixed, scenario(false))
                .check(Check::new(EngineKind::Shuttle, Expect::NotFound)),
        )
}

/// A forbidden outcome is a violation.
fn graded() -> Model {
    Model::new("graded", "outcomes with grades")
        .outcome("torn", Grade::Forbidden, "half of one write and half of another")
        .variant(
            Variant::new("forbidden", Role::Buggy, || {
                let n = Arc::new(AtomicU32::new(0));
                let other = {
                    let n = n.clone();
                    thread::spawn(move || {
                        n.store(1, Ordering::SeqCst);
                        n.store(2, Ordering::SeqCst);
                    })
                };
                let seen = n.load(Ordering::SeqCst);
                other.join().unwrap();
                if seen == 1 { "torn" } else { "whole" }
            })
            .check(Check::new(EngineKind::Exact, Expect::found(&[("outcome", Kind::Assertion)])))
            .check(Check::new(EngineKind::Shuttle, Expect::found(&[("outcome", Kind::Assertion)]))),
        )
}

/// `out-of-reach` is a claim like any other.
fn reach() -> Model {
    let no = || Expect::OutOfReach("declared by the test".to_owned());
    Model::new("reach", "claims that an engine cannot see it")
        .variant(
            Variant::new("rightly", Role::Canary, || increments(true, Ordering::SeqCst))
                .check(Check::new(EngineKind::Shuttle, no()))
                .check(Check::new(EngineKind::Exact, Expect::Exhausted)),
        )
        .variant(
            Variant::new("wrongly", Role::Canary, || increments(false, Ordering::SeqCst))
                .check(Check::new(EngineKind::Shuttle, no()))
                .check(Check::new(EngineKind::Exact, Expect::found(&[("no-lost-update", Kind::Assertion)]))),
        )
        .variant(
            Variant::new("nobody_looks", Role::Canary, || increments(true, Ordering::SeqCst))
                .check(Check::new(EngineKind::Shuttle, no())),
        )
}

/// Failures that need a choice of the environment, and one that repeats: what a saved counterexample must bring back.
fn chance() -> Model {
    fn unlucky(name: &'static str, scenario: impl Fn() -> bool + Send + Sync + 'static) -> Variant {
        let scenario = move || {
            always("lucky", scenario(), || "the environment chose badly".to_owned());
            "lucky"
        };
        Variant::new(name, Role::Buggy, scenario)
            .check(Check::new(EngineKind::Shuttle, Expect::found(&[("lucky", Kind::Assertion)])))
    }
    Model::new("chance", "failures by choice")
        .variant(unlucky("choice", || choose(5) != 3))
        .variant(unlucky("timeout", || {
            let (m, c) = (Mutex::new(()), Condvar::new());
            let mut g = m.lock();
            let first = c.wait_for(&mut g, Duration::from_secs(1)).timed_out();
            // The second wait is to end otherwise than the first: both ways are recorded.
            first || !c.wait_for(&mut g, Duration::from_secs(1)).timed_out()
        }))
        .variant(unlucky("spurious", || {
            let raised = Arc::new((Mutex::new(false), Condvar::new()));
            let theirs = raised.clone();
            let t = thread::spawn(move || {
                *theirs.0.lock() = true;
                theirs.1.notify_one();
            });
            let mut g = raised.0.lock();
            if !*g {
                raised.1.wait(&mut g);
            }
            let seen = *g;
            drop(g);
            t.join().unwrap();
            seen
        }))
        .variant(unlucky("weak_exchange", || {
            AtomicU32::new(0).compare_exchange_weak(0, 1, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        }))
        .variant(unlucky("notified", || {
            let shared = Arc::new((Mutex::new((Vec::new(), None)), Condvar::new()));
            let waiters = [1, 2].map(|id| {
                let shared = shared.clone();
                thread::spawn(move || {
                    let mut s = shared.0.lock();
                    s.0.push(id);
                    shared.1.wait(&mut s);
                    s.1.get_or_insert(id);
                })
            });
            let first = loop {
                let s = shared.0.lock();
                if let [first, _] = s.0[..] {
                    break first;
                }
                drop(s);
                thread::yield_now();
            };
            // Under the lock: whoever leaves the wait first has been chosen here, or woke spuriously.
            shared.1.notify_one();
            shared.1.notify_one();
            for w in waiters {
                w.join().unwrap();
            }
            let s = shared.0.lock();
            s.1 == Some(first)
        }))
        .variant(
            Variant::new("repeats", Role::Buggy, || {
                let wants = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
                let enter = |wants: &[AtomicU32; 2], me: usize| loop {
                    fingerprint(());
                    wants[me].store(1, Ordering::SeqCst);
                    if wants[1 - me].load(Ordering::SeqCst) == 0 {
                        break wants[me].store(0, Ordering::SeqCst);
                    }
                    wants[me].store(0, Ordering::SeqCst);
                };
                let theirs = wants.clone();
                let t = thread::spawn(move || enter(&theirs, 1));
                enter(&wants, 0);
                t.join().unwrap();
                "both"
            })
            .check(Check::new(EngineKind::Shuttle, Expect::found(&[("progress", Kind::Livelock)]))),
        )
}
