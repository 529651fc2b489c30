//! The counterexample that the exact explorer shows: nothing but what the failure depends on, in the order with
//! the fewest preemptions, and what is certified about it.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::event::{FROM_INITIAL, Op};
use selvedge::check::run::Failure;
use selvedge::check::runner::nearest::Difference;
use selvedge::check::runner::trace::Trace;
use selvedge::check::{Kind, always};
use selvedge::sync::{Arc, AtomicUsize, Condvar, Mutex, Ordering::*, thread};
use support::exact;

fn failure<O: Into<selvedge::check::Outcome>>(f: impl Fn() -> O + Send + Sync + 'static) -> Box<Failure> {
    let x = exact(f);
    x.failure.unwrap_or_else(|| panic!("no failure: {}", x.verdict))
}

/// Who acted, a letter per visible step without thread administration.
fn order(f: &Failure) -> String {
    f.events
        .iter()
        .filter(|e| {
            !matches!(
                e.op,
                Op::Spawn { .. } | Op::Join { .. } | Op::Exit | Op::ArcClone { .. } | Op::ArcDrop { .. }
            )
        })
        .map(|e| char::from(b'0' + e.thread.0))
        .collect()
}

fn racing_increments(n: usize) -> impl Fn() -> &'static str {
    move || {
        let w = Arc::new(AtomicUsize::new(0));
        let noise = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..n)
            .map(|_| {
                let (w, noise) = (w.clone(), noise.clone());
                thread::spawn(move || {
                    noise.load(Relaxed);
                    let seen = w.load(SeqCst);
                    w.store(seen + 1, SeqCst);
                })
            })
            .collect();
        handles.into_iter().for_each(|h| h.join().unwrap());
        let total = w.load(SeqCst);
        always("no-lost-update", total == n, || format!("{n} increments counted as {total}"));
        "counted"
    }
}

/// The failure does not depend on what main does last before it waits, but leaving it there is no preemption.
#[test]
fn a_thread_may_go_on_to_where_it_must_wait() {
    let f = failure(|| {
        let (flag, own) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let theirs = flag.clone();
        let t = thread::spawn(move || {
            let seen = theirs.load(SeqCst);
            always("set", seen == 1, || "not set".into());
        });
        own.store(1, SeqCst);
        t.join().unwrap();
        "set"
    });
    assert_eq!((f.least, order(&f).as_str()), (Some(0), "01"));
    assert_eq!(Trace::of(&f).minimal, "no preemption is needed");
}

/// What comes after a failure in one thread may keep another execution from failing: that one is counted too.
#[test]
fn executions_that_come_of_a_failing_one_are_counted() {
    let x = exact(|| {
        let word = Arc::new(AtomicUsize::new(0));
        let theirs = word.clone();
        let t = thread::spawn(move || {
            let seen = theirs.load(SeqCst);
            always("second", seen != 1, || "first".into());
            if seen == 2 { "both" } else { "none" }
        });
        word.store(1, SeqCst);
        word.store(2, SeqCst);
        t.join().unwrap()
    });
    let outcomes: Vec<&str> = x.outcomes.keys().map(|o| o.as_ref()).collect();
    assert_eq!((outcomes, x.census.whole), (vec!["both", "none"], true));
    assert_eq!(x.census.violations.values().sum::<u64>(), 1);
}

#[test]
fn a_lost_update_takes_one_preemption() {
    let f = failure(racing_increments(2));
    assert_eq!((f.property.as_str(), f.kind), ("no-lost-update", Kind::Assertion));
    assert_eq!(f.least, Some(1));
    // One thread is interrupted between its read and its write; the other runs in one piece.
    assert!(["1122210", "2211120", "1222110", "2111220"].contains(&order(&f).as_str()), "{}", order(&f));
}

#[test]
fn abba_takes_one_preemption_and_shows_both_waits() {
    let f = failure(|| {
        let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let (a2, b2) = (a.clone(), b.clone());
        let h = thread::spawn(move || {
            let _b = b2.lock();
            let _a = a2.lock();
        });
        {
            let _a = a.lock();
            let _b = b.lock();
        }
        h.join().unwrap();
        "done"
    });
    assert_eq!(f.kind, Kind::Deadlock);
    assert_eq!(f.least, Some(1));
    let waiting: Vec<_> = f.threads.iter().map(|t| matches!(t.pending, Some((Op::Lock { .. }, _)))).collect();
    assert_eq!(waiting, [true, true]);
    assert_eq!(order(&f).len(), 2);
}

#[test]
fn a_join_under_a_lock_needs_no_preemption() {
    let f = failure(|| {
        let m = Arc::new(Mutex::new(()));
        let m2 = m.clone();
        let h = thread::spawn(move || drop(m2.lock()));
        let _held = m.lock();
        h.join().unwrap();
        "done"
    });
    assert_eq!((f.kind, f.least), (Kind::Deadlock, Some(0)));
}

#[test]
fn a_stale_read_is_certified_to_need_weak_memory_and_names_its_write() {
    let f = failure(|| {
        let (data, flag) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (d2, f2) = (data.clone(), flag.clone());
        let h = thread::spawn(move || {
            d2.store(1, Relaxed);
            f2.store(1, Relaxed);
        });
        if flag.load(Acquire) == 1 {
            always("published", data.load(Relaxed) == 1, || "the flag came first".into());
        }
        h.join().unwrap();
        "done"
    });
    assert_eq!(f.minimal, "no sequentially consistent execution fails (certified)");
    assert_eq!(order(&f), "1100");
    let from: Vec<_> = f.events.iter().filter(|e| matches!(e.op, Op::Load { .. })).map(|e| e.from).collect();
    let flag_store = f.events.iter().rposition(|e| matches!(e.op, Op::Store { .. })).unwrap() as u32;
    assert_eq!(from, [Some(flag_store), Some(FROM_INITIAL)]);
}

#[test]
fn a_lost_wakeup_shows_the_waiter() {
    let f = failure(|| {
        let s = Arc::new((Mutex::new(false), Condvar::new()));
        let s2 = s.clone();
        let h = thread::spawn(move || {
            *s2.0.lock() = true;
            s2.1.notify_one();
        });
        let ready = *s.0.lock();
        if !ready {
            let mut g = s.0.lock();
            s.1.wait(&mut g);
        }
        h.join().unwrap();
        "woken"
    });
    assert_eq!(f.kind, Kind::LostWakeup);
    assert!(matches!(f.threads[0].pending, Some((Op::Wait { .. }, _))));
}

#[test]
fn what_the_failure_does_not_depend_on_is_left_out() {
    let f = failure(|| {
        let (x, y) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (x1, y1) = (x.clone(), y.clone());
        let a = thread::spawn(move || {
            y1.fetch_add(1, Relaxed);
            y1.fetch_add(1, Relaxed);
        });
        let b = thread::spawn(move || x1.store(1, Relaxed));
        always("unset", x.load(Relaxed) == 0, || "set".into());
        a.join().unwrap();
        b.join().unwrap();
        y.load(Relaxed).to_string()
    });
    assert_eq!(order(&f), "20");
}

/// The passing execution that differs least, and what comes out otherwise in it.
#[test]
fn a_passing_execution_nearby_shows_what_differs() {
    let f = failure(racing_increments(2));
    let passing = f.passing.as_ref().expect("a passing execution");
    // It is complete: all three threads have ended in it.
    assert_eq!(passing.events.iter().filter(|e| e.op == Op::Exit).count(), 3);
    let t = Trace::of(&f);
    // The first operation that comes out otherwise there is a read, of what another thread has written.
    let Some(Difference::Reads { read, write }) = t.differs else { panic!("{:?}", t.differs) };
    let (read, write) = (&t.events[read], &t.events[write]);
    assert_ne!(read.thread, write.thread);
    assert_eq!((read.op.as_str(), write.op.as_str(), &read.object), ("load", "store", &write.object));
}

/// Where the failure is weaker than sequential consistency, it is the read of an old value.
#[test]
fn a_stale_read_is_critical_with_the_write_that_it_missed() {
    let f = failure(|| {
        let (data, flag) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let writer = {
            let (data, flag) = (data.clone(), flag.clone());
            thread::spawn(move || {
                data.store(7, Relaxed);
                flag.store(1, Relaxed);
            })
        };
        if flag.load(Acquire) == 1 {
            let seen = data.load(Relaxed);
            always("sees-the-data", seen == 7, || format!("{seen}"));
        }
        writer.join().unwrap();
        "read"
    });
    let t = Trace::of(&f);
    let pair: Vec<&str> = t.critical.iter().map(|i| t.events[*i].op.as_str()).collect();
    assert_eq!(pair, ["store", "load"], "{:?}", t.differs);
    assert_eq!(t.events[t.critical[1]].missed, Some(t.critical[0]));
    let (write, read) = (t.critical[0], t.critical[1]);
    assert_eq!(t.differs, Some(Difference::Reads { read, write }));
}
