//! Programs that are wrong and that the exact explorer once called proven: each must be found, by what is wrong.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::engine::Exploration;
use selvedge::check::runner::trace::Trace;
use selvedge::check::{Kind, Verdict};
use selvedge::sync::{
    Arc, AtomicBool, AtomicPtr, AtomicU32, Condvar, Mutex, Ordering::*, choose, fence, hint, mpsc, thread,
};
use std::time::Duration;
use support::exact;

#[track_caller]
fn found(x: &Exploration, kind: Kind) {
    let shown = x.failure.as_ref().map(|f| (f.kind, &f.message));
    assert!(matches!(x.verdict, Verdict::Found { kind: k, .. } if k == kind), "{} {shown:?}", x.verdict);
}

/// The counterexample is executed in the order in which it is shown: the failing access is its last event or pending.
#[track_caller]
fn races(x: &Exploration) {
    found(x, Kind::DataRace);
    let f = x.failure.as_ref().unwrap();
    let minimal = Trace::of(f).minimal;
    assert!(minimal.contains("(certified)") || minimal.contains("no preemption"), "{minimal}");
}

/// Two atomics that two threads share.
fn pair() -> (Arc<[AtomicU32; 2]>, Arc<[AtomicU32; 2]>) {
    let a = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    (a.clone(), a)
}

/// The plain load happens while the store has been asked for and is not executed yet.
#[test]
fn a_plain_load_behind_a_branch_races_with_a_store() {
    let x = exact(|| {
        let (a, b) = pair();
        let h = thread::spawn(move || {
            b[0].store(1, Relaxed);
            b[1].store(1, Relaxed);
        });
        if a[0].load(Relaxed) == 1 {
            // SAFETY: the engine reports the race before it answers.
            unsafe { a[1].unsync_load() };
        }
        h.join().unwrap();
        "ok"
    });
    races(&x);
}

/// The same with a read-modify-write, which is two events.
#[test]
fn a_plain_load_behind_a_branch_races_with_a_read_modify_write() {
    let x = exact(|| {
        let (a, b) = pair();
        let h = thread::spawn(move || {
            b[0].store(1, Release);
            b[1].fetch_add(1, Relaxed);
        });
        if a[0].load(Acquire) == 1 {
            // SAFETY: as above.
            unsafe { a[1].unsync_load() };
        }
        h.join().unwrap();
        "ok"
    });
    races(&x);
}

/// With an exchange, of which only its success is a write.
#[test]
fn a_plain_load_behind_a_branch_races_with_an_exchange_that_succeeds() {
    let run = |expected| {
        exact(move || {
            let (a, b) = pair();
            let h = thread::spawn(move || {
                b[0].store(1, Release);
                let _ = b[1].compare_exchange(expected, 2, Relaxed, Relaxed);
            });
            if a[0].load(Acquire) == 1 {
                // SAFETY: as above.
                unsafe { a[1].unsync_load() };
            }
            h.join().unwrap();
            "ok"
        })
    };
    races(&run(0));
    support::counts(&run(1), 2);
}

/// Two mutexes, and two threads that take them in opposite orders: `then` is what the second does besides.
fn opposite_orders(then: impl FnOnce() + Send + 'static) -> [thread::JoinHandle<()>; 2] {
    let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let (a2, b2) = (a.clone(), b.clone());
    let first = thread::spawn(move || {
        let _a = a.lock();
        let _b = b.lock();
    });
    let second = thread::spawn(move || {
        {
            let _b = b2.lock();
            let _a = a2.lock();
        }
        then();
    });
    [first, second]
}

const SOON: Duration = Duration::from_millis(1);

/// A thread in a loop of timed waits is no reason to believe that others will move.
#[test]
fn a_deadlock_beside_a_thread_that_times_out_in_a_loop() {
    let x = exact(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let waiter = thread::spawn(move || {
            while !theirs.load(SeqCst) {
                thread::park_timeout(SOON);
            }
        });
        for h in opposite_orders(|| {}) {
            h.join().unwrap();
        }
        stop.store(true, SeqCst);
        waiter.thread().unpark();
        waiter.join().unwrap();
        "ok"
    });
    found(&x, Kind::Deadlock);
    let minimal = Trace::of(&x.failure.unwrap()).minimal;
    assert!(minimal.contains("(certified)") || minimal.contains("no preemption"), "{minimal}");
}

/// The same where the timed waiter waits for one of the two that deadlock.
#[test]
fn a_deadlock_that_a_timed_receiver_waits_for() {
    let x = exact(|| {
        let (sender, receiver) = mpsc::channel();
        let threads = opposite_orders(move || sender.send(()).unwrap());
        while receiver.recv_timeout(SOON) == Err(mpsc::RecvTimeoutError::Timeout) {}
        for h in threads {
            h.join().unwrap();
        }
        "ok"
    });
    found(&x, Kind::Deadlock);
}

/// The deadlock is the cause, and the poll its victim.
#[test]
fn a_deadlock_beside_a_thread_that_polls() {
    let x = exact(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let poller = thread::spawn(move || hint::spin_until(|| theirs.load(Acquire)));
        for h in opposite_orders(|| {}) {
            h.join().unwrap();
        }
        stop.store(true, Release);
        poller.join().unwrap();
        "ok"
    });
    found(&x, Kind::Deadlock);
}

/// A thread that is never notified, and one that waits for it with a timeout, for ever.
#[test]
fn a_lost_wake_up_beside_a_thread_that_times_out_in_a_loop() {
    let x = exact(|| {
        let (s, done) = (Arc::new((Mutex::new(false), Condvar::new())), Arc::new(AtomicBool::new(false)));
        let (theirs, says) = (s.clone(), done.clone());
        let h = thread::spawn(move || {
            let mut ready = theirs.0.lock();
            while !*ready {
                theirs.1.wait(&mut ready);
            }
            says.store(true, SeqCst);
        });
        *s.0.lock() = true; // and no notify
        while !done.load(SeqCst) {
            thread::park_timeout(SOON);
        }
        h.join().unwrap();
        "ok"
    });
    found(&x, Kind::LostWakeup);
}

/// The same beside one that does something in each round, which nobody waits for.
#[test]
fn a_lost_wake_up_beside_a_heartbeat() {
    let beside = |what: fn(&AtomicU32, &(Mutex<()>, Condvar))| {
        exact(move || {
            let (stop, beats) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
            let (theirs, n) = (stop.clone(), beats.clone());
            let heart = thread::spawn(move || {
                while !theirs.load(SeqCst) {
                    n.fetch_add(1, Relaxed);
                    thread::park_timeout(SOON);
                }
            });
            let s = Arc::new((Mutex::new(()), Condvar::new()));
            let s2 = s.clone();
            let h = thread::spawn(move || what(&beats, &s2));
            s.1.notify_one(); // perhaps nobody waits yet
            h.join().unwrap();
            stop.store(true, SeqCst);
            heart.thread().unpark();
            heart.join().unwrap();
            "ok"
        })
    };
    found(&beside(|_, s| s.1.wait(&mut s.0.lock())), Kind::LostWakeup);
    // This one does wait for it, for longer than is tried.
    let x = beside(|beats, _| hint::spin_until(|| beats.load(Relaxed) > 3));
    assert!(matches!(x.verdict, Verdict::Bounded { .. } | Verdict::EngineLimit { .. }), "{}", x.verdict);
}

/// It holds the lock that the other needs in order to wake it.
#[test]
fn a_timed_loop_inside_of_the_lock_that_would_end_it() {
    let x = exact(|| {
        let m = Arc::new(Mutex::new(()));
        let s = Arc::new((Mutex::new(false), Condvar::new()));
        let (m2, s2) = (m.clone(), s.clone());
        let h = thread::spawn(move || {
            let _held = m2.lock();
            *s2.0.lock() = true;
            s2.1.notify_all();
        });
        let _held = m.lock();
        let mut ready = s.0.lock();
        while !*ready {
            s.1.wait_for(&mut ready, SOON);
        }
        drop((ready, _held));
        h.join().unwrap();
        "ok"
    });
    found(&x, Kind::Livelock);
}

/// A loop of timed waits that gives up by itself is no livelock, nor is one that somebody ends without a wake-up.
#[test]
fn timed_loops_that_end() {
    let x = exact(|| {
        let h = thread::spawn(|| {
            for _ in 0..5 {
                thread::park_timeout(SOON);
            }
        });
        h.join().unwrap();
        "ok"
    });
    assert!(matches!(x.verdict, Verdict::Bounded { .. } | Verdict::EngineLimit { .. }), "{}", x.verdict);
    let x = exact(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let h = thread::spawn(move || {
            while !theirs.load(SeqCst) {
                thread::park_timeout(SOON);
            }
        });
        stop.store(true, SeqCst);
        h.join().unwrap();
        "ok"
    });
    assert!(matches!(x.verdict, Verdict::Bounded { .. }), "{}", x.verdict);
}

/// Alternatives are numbered in 16 bits, and each is a job: a choice of more is refused, not cut.
#[test]
fn a_choice_among_too_many_is_refused() {
    for n in [4_097, 65_537, u32::MAX] {
        let x = exact(move || {
            assert_eq!(choose(n), 0);
            "ok"
        });
        assert!(matches!(x.verdict, Verdict::OutOfReach { .. }), "{n}: {}", x.verdict);
    }
    let x = exact(|| choose(4_096).to_string());
    support::counts(&x, 4_096);
    assert_eq!(x.outcomes.len(), 4_096);
}

/// A program that is not the same in each execution: `f` is told how many there were before.
#[track_caller]
fn inconclusive(f: impl Fn(u32) + Send + Sync + 'static) {
    let before = std::sync::atomic::AtomicU32::new(0);
    let x = exact(move || {
        f(before.fetch_add(1, SeqCst));
        "ok"
    });
    let words = x.verdict.to_string();
    assert!(matches!(&x.verdict, Verdict::Inconclusive { why } if why.contains("deterministic")), "{words}");
}

/// Two threads that race for one word, so that the program is executed more than once.
fn beside<A: Send + 'static, B>(
    a: impl FnOnce(&AtomicU32) -> A + Send + 'static,
    b: impl FnOnce(&AtomicU32) -> B,
) {
    let x = Arc::new(AtomicU32::new(0));
    let theirs = x.clone();
    let h = thread::spawn(move || a(&theirs));
    b(&x);
    h.join().unwrap();
}

#[test]
fn another_value_each_time_is_noticed() {
    inconclusive(|n| beside(move |x| x.store(n + 1, Relaxed), |x| x.load(Relaxed)));
    inconclusive(|n| beside(move |x| x.fetch_add(n + 1, Relaxed), |x| x.load(Relaxed)));
    inconclusive(|n| {
        beside(move |x| x.compare_exchange(n % 2, 7, Relaxed, Relaxed), |x| x.store(1, Relaxed));
    });
}

#[test]
fn another_ordering_each_time_is_noticed() {
    let order = |n: u32| if n.is_multiple_of(2) { Relaxed } else { Release };
    inconclusive(move |n| beside(move |x| x.store(1, order(n)), |x| x.load(Acquire)));
    let fences = |n: u32| if n.is_multiple_of(2) { Acquire } else { Release };
    inconclusive(move |n| {
        beside(
            move |x| {
                fence(fences(n));
                x.store(1, Relaxed);
            },
            |x| x.load(Acquire),
        );
    });
}

#[test]
fn another_number_of_alternatives_each_time_is_noticed() {
    inconclusive(|n| beside(|x| x.store(1, Relaxed), |x| x.store(choose(2 + n % 2), Relaxed)));
}

/// Addresses may differ from run to run: they are no sign of anything.
#[test]
fn another_address_each_time_is_not_noticed() {
    let x = exact(|| {
        let p = Arc::new(AtomicPtr::new(std::ptr::null_mut()));
        let theirs = p.clone();
        let h = thread::spawn(move || theirs.store(Box::into_raw(Box::new(1u8)), Release));
        let early = !p.load(Acquire).is_null();
        h.join().unwrap();
        // SAFETY: made by the thread that is joined; nobody else frees it.
        drop(unsafe { Box::from_raw(p.load(Acquire)) });
        if early { "early" } else { "late" }
    });
    support::counts(&x, 2);
}

/// Who keeps a mutex while it sleeps gives it back on the round that follows, to a thread that then ends the loop.
#[test]
fn a_lock_that_is_kept_over_a_timed_wait_is_given_back() {
    let x = exact(|| {
        let m = Arc::new(Mutex::new(false));
        let theirs = m.clone();
        let t = thread::spawn(move || *theirs.lock() = true);
        loop {
            let ended = m.lock();
            if *ended {
                break;
            }
            thread::park_timeout(std::time::Duration::from_secs(1));
        }
        t.join().unwrap();
        "ended"
    });
    assert_eq!(x.verdict, Verdict::Bounded { k: 2 }, "{:?}", x.failure);
}
