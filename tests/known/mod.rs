//! Small programs with known answers, shared by the tests of the engines, and how to run one.
#![allow(dead_code)] // each test target uses some

use selvedge::check::engine::{Exploration, Plan};
use selvedge::check::model::{Outcome, Scenario, Strategy};
use selvedge::check::{Kind, Verdict, always};
use selvedge::sync::atomic::{AtomicI8, AtomicU8, AtomicU32, AtomicUsize, Ordering, Ordering::*, fence};
use selvedge::sync::{Arc, Barrier, Condvar, Mutex, Named, RwLock, Tracked, UnsafeCell, hint, thread};
use std::collections::BTreeSet;
use std::time::Duration;

/// A plan with room to spare.
pub fn plan(strategy: Strategy) -> Plan {
    Plan { strategy, seed: 7, executions: 5_000, steps: 2_000, ..Plan::default() }
}

pub fn scenario<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static) -> Scenario {
    std::sync::Arc::new(move || f().into())
}

/// The outcomes that were seen.
pub fn outcomes(e: &Exploration) -> BTreeSet<String> {
    e.outcomes.keys().map(|o| o.to_string()).collect()
}

pub fn words<const N: usize>(w: [&str; N]) -> BTreeSet<String> {
    w.map(str::to_owned).into()
}

#[track_caller]
pub fn assert_found(e: &Exploration, property: &str, kind: Kind) {
    let want = Verdict::Found { property: property.to_owned(), kind };
    assert_eq!(e.verdict, want, "{:?}", e.failure.as_ref().map(|f| &f.message));
    let f = e.failure.as_ref().expect("a counterexample comes with its execution");
    assert_eq!((f.property.as_str(), f.kind), (property, kind));
    assert!(!f.message.is_empty(), "{f:?}");
}

/// Plain data that two threads share.
pub struct Shared<T>(UnsafeCell<T>);

// SAFETY: none is claimed: the programs here order their accesses, or are meant to be caught racing.
unsafe impl<T> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Shared<T> {}

impl<T: Copy> Shared<T> {
    #[track_caller]
    pub fn new(v: T) -> Self {
        Shared(UnsafeCell::new(v))
    }
    #[track_caller]
    pub fn get(&self) -> T {
        // SAFETY: engines report a race before memory is touched, and run one thread at a time.
        self.0.with(|p| unsafe { *p })
    }
    #[track_caller]
    pub fn set(&self, v: T) {
        // SAFETY: as for `get`.
        self.0.with_mut(|p| unsafe { *p = v })
    }
}

/// Message passing: data in a cell, then a flag. Outcome: did the reader see the flag?
pub fn message_passing(publish: Ordering, take: Ordering, main_reads: bool) -> &'static str {
    let data = Arc::new((Shared::new(0u32), AtomicU32::new(0)));
    let write = move |d: &(Shared<u32>, AtomicU32)| {
        d.0.set(42);
        d.1.store(1, publish);
    };
    let read = move |d: &(Shared<u32>, AtomicU32)| {
        if d.1.load(take) == 1 {
            let v = d.0.get();
            always("data-arrives", v == 42, || format!("read {v}"));
            "seen"
        } else {
            "not-yet"
        }
    };
    let theirs = data.clone();
    if main_reads {
        let t = thread::spawn(move || write(&theirs));
        let seen = read(&data);
        t.join().unwrap();
        seen
    } else {
        let t = thread::spawn(move || read(&theirs));
        write(&data);
        t.join().unwrap()
    }
}

/// Message passing with relaxed accesses and fences.
pub fn message_passing_by_fences(release: Option<Ordering>, acquire: Option<Ordering>) -> &'static str {
    let data = Arc::new((Shared::new(0u32), AtomicU32::new(0)));
    let theirs = data.clone();
    let t = thread::spawn(move || {
        if theirs.1.load(Relaxed) == 0 {
            return "not-yet";
        }
        if let Some(o) = acquire {
            fence(o);
        }
        theirs.0.get();
        "seen"
    });
    data.0.set(42);
    if let Some(o) = release {
        fence(o);
    }
    data.1.store(1, Relaxed);
    t.join().unwrap()
}

/// Store buffering. Outcome: what the two loads read.
pub fn store_buffering(store: Ordering, load: Ordering) -> String {
    let xy = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
    let theirs = xy.clone();
    let t = thread::spawn(move || {
        theirs.0.store(1, store);
        theirs.1.load(load)
    });
    xy.1.store(1, store);
    let b = xy.0.load(load);
    format!("{}{b}", t.join().unwrap())
}

/// Two threads count under a mutex.
pub fn mutex_counter() -> String {
    let n = Arc::new(Mutex::new(0));
    let theirs = n.clone();
    let t = thread::spawn(move || *theirs.lock() += 1);
    *n.lock() += 1;
    t.join().unwrap();
    let total = *n.lock();
    total.to_string()
}

/// Two threads count by a load and a store.
pub fn lost_update() -> String {
    let n = Arc::new(AtomicU32::new(0));
    let theirs = n.clone();
    let add = |n: &AtomicU32| n.store(n.load(Relaxed) + 1, Relaxed);
    let t = thread::spawn(move || add(&theirs));
    add(&n);
    t.join().unwrap();
    n.load(Relaxed).to_string()
}

/// One thread hands a turn to another and gets it back, over one condition variable.
pub fn ping_pong() -> &'static str {
    let turn = Arc::new((Mutex::new(0), Condvar::new()));
    let theirs = turn.clone();
    let t = thread::spawn(move || {
        let mut g = theirs.0.lock();
        while *g != 1 {
            theirs.1.wait(&mut g);
        }
        *g = 2;
        theirs.1.notify_one();
    });
    let mut g = turn.0.lock();
    *g = 1;
    turn.1.notify_one();
    while *g != 2 {
        turn.1.wait(&mut g);
    }
    drop(g);
    t.join().unwrap();
    "done"
}

/// The waiter checks the flag and only then takes the lock: the notification can come in between.
pub fn lost_wakeup() -> &'static str {
    let shared = Arc::new((AtomicU32::new(0), Mutex::new(()), Condvar::new().named("ready")));
    let theirs = shared.clone();
    let t = thread::spawn(move || {
        theirs.0.store(1, Release);
        theirs.2.notify_one();
    });
    if shared.0.load(Acquire) == 0 {
        let mut g = shared.1.lock();
        shared.2.wait(&mut g);
    }
    t.join().unwrap();
    "done"
}

/// `if` instead of `while` around a wait: a spurious wake-up gets through.
pub fn wait_without_loop() -> &'static str {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let theirs = shared.clone();
    let t = thread::spawn(move || {
        *theirs.0.lock() = true;
        theirs.1.notify_one();
    });
    let mut g = shared.0.lock();
    if !*g {
        shared.1.wait(&mut g);
    }
    let ready = *g;
    drop(g);
    t.join().unwrap();
    if ready { "ready" } else { "spurious" }
}

/// Two locks in opposite orders.
pub fn abba(ordered: bool) -> &'static str {
    let locks = Arc::new((Mutex::new(()).named("a"), Mutex::new(()).named("b")));
    let theirs = locks.clone();
    let t = thread::spawn(move || {
        let (first, second) = if ordered { (&theirs.0, &theirs.1) } else { (&theirs.1, &theirs.0) };
        let _first = first.lock();
        let _second = second.lock();
    });
    {
        let _a = locks.0.lock();
        let _b = locks.1.lock();
    }
    t.join().unwrap();
    "done"
}

/// A timed wait that nobody ever notifies.
pub fn timed_wait_alone() -> &'static str {
    let (m, c) = (Mutex::new(()), Condvar::new());
    let mut g = m.lock();
    let r = c.wait_for(&mut g, Duration::from_secs(3600));
    if r.timed_out() { "timed-out" } else { "woken" }
}

/// A timed wait against a notification. Outcome: (timed out, flag).
pub fn timed_wait() -> &'static str {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let theirs = shared.clone();
    let t = thread::spawn(move || {
        let mut g = theirs.0.lock();
        *g = true;
        theirs.1.notify_one();
    });
    let mut g = shared.0.lock();
    let mut timed_out = false;
    while !*g && !timed_out {
        timed_out = shared.1.wait_for(&mut g, Duration::from_millis(1)).timed_out();
    }
    let flag = *g;
    drop(g);
    t.join().unwrap();
    match (timed_out, flag) {
        (false, _) => "woken",
        (true, false) => "timed-out",
        // Timed out, but could not take the mutex before the other thread had set the flag.
        (true, true) => "timed-out-late",
    }
}

/// A writer sets two words; a reader must see both or neither. Outcome: which.
pub fn rw_lock() -> &'static str {
    let pair = Arc::new(RwLock::new((0, 0)));
    let (a, b) = (pair.clone(), pair.clone());
    let writer = thread::spawn(move || *a.write() = (1, 1));
    let reader = thread::spawn(move || *b.read());
    let here = *pair.read();
    writer.join().unwrap();
    let there = reader.join().unwrap();
    for (x, y) in [here, there] {
        always("whole", x == y, || format!("torn pair ({x}, {y})"));
    }
    match (here.0, there.0) {
        (0, 0) => "neither",
        (1, 1) => "both",
        _ => "one",
    }
}

/// Two readers hold their shares at once: with an exclusive lock this would never be.
pub fn readers_share() -> &'static str {
    let shared = Arc::new((RwLock::new(()), AtomicU32::new(0)));
    let theirs = shared.clone();
    let enter = |s: &(RwLock<()>, AtomicU32)| {
        let _share = s.0.read();
        let inside = s.1.fetch_add(1, Relaxed) + 1;
        s.1.fetch_sub(1, Relaxed);
        inside
    };
    let t = thread::spawn(move || enter(&theirs));
    let here = enter(&shared);
    let there = t.join().unwrap();
    if here.max(there) == 2 { "together" } else { "apart" }
}

/// Parks until a flag is set by a thread that then unparks.
pub fn park(unparks: bool) -> &'static str {
    let flag = Arc::new((Shared::new(0), AtomicU32::new(0)));
    let (theirs, me) = (flag.clone(), thread::current());
    let t = thread::spawn(move || {
        theirs.0.set(1);
        theirs.1.store(1, Release);
        if unparks {
            me.unpark();
        }
    });
    while flag.1.load(Acquire) == 0 {
        thread::park();
    }
    flag.0.get();
    t.join().unwrap();
    "done"
}

/// An unpark before the park is not lost.
pub fn unpark_self_first() -> &'static str {
    thread::current().unpark();
    thread::park();
    "done"
}

/// `n` threads, the scenario's included, that each add one.
pub fn threads(n: usize) -> String {
    let sum = Arc::new(AtomicUsize::new(1));
    let spawn = |_| {
        let sum = sum.clone();
        thread::spawn(move || sum.fetch_add(1, Relaxed))
    };
    let children: Vec<_> = (1..n).map(spawn).collect();
    for c in children {
        c.join().unwrap();
    }
    sum.load(Relaxed).to_string()
}

/// Two threads meet at a barrier: what was written before it is read after it.
pub fn barrier() -> &'static str {
    let shared = Arc::new((Barrier::new(2), Shared::new(0), Shared::new(0)));
    let theirs = shared.clone();
    let t = thread::spawn(move || {
        theirs.1.set(1);
        let leader = theirs.0.wait().is_leader();
        always("met", theirs.2.get() == 1, || "the other side had not written".to_owned());
        leader
    });
    shared.2.set(1);
    let here = shared.0.wait().is_leader();
    always("met", shared.1.get() == 1, || "the other side had not written".to_owned());
    let there = t.join().unwrap();
    always("one-leader", here != there, || format!("leaders: {here} and {there}"));
    if here { "main-leads" } else { "child-leads" }
}

/// Spins until a flag is set.
pub fn spin(yields: bool) -> &'static str {
    let flag = Arc::new(AtomicU32::new(0));
    let theirs = flag.clone();
    let t = thread::spawn(move || theirs.store(1, Release));
    while flag.load(Acquire) == 0 {
        if yields {
            hint::spin_loop();
        }
    }
    t.join().unwrap();
    "done"
}

/// A yield in straight-line code hides nothing from the other thread.
pub fn yield_in_a_straight_line() -> String {
    let x = Arc::new(AtomicU32::new(0));
    let theirs = x.clone();
    let t = thread::spawn(move || {
        theirs.store(1, Relaxed);
        thread::yield_now();
        theirs.store(2, Relaxed);
    });
    let seen = x.load(Relaxed);
    t.join().unwrap();
    seen.to_string()
}

/// A weak compare-exchange that nothing stands in the way of.
pub fn weak_cas() -> &'static str {
    let x = AtomicU32::new(0);
    match x.compare_exchange_weak(0, 1, AcqRel, Acquire) {
        Ok(_) => "exchanged",
        Err(seen) => {
            assert_eq!(seen, 0);
            "spurious"
        }
    }
}

/// A loop around a weak compare-exchange ends.
pub fn weak_cas_loop() -> String {
    let x = Arc::new(AtomicU32::new(0));
    let theirs = x.clone();
    let add = |x: &AtomicU32| {
        let mut seen = x.load(Relaxed);
        while let Err(now) = x.compare_exchange_weak(seen, seen + 1, Relaxed, Relaxed) {
            seen = now;
        }
    };
    let t = thread::spawn(move || add(&theirs));
    add(&x);
    t.join().unwrap();
    x.load(Relaxed).to_string()
}

/// Two wait; one token is given with one notification, and passed on. Outcome: did the first to wait get it first?
pub fn notify_one_of_two() -> &'static str {
    #[derive(Default)]
    struct S {
        arrived: Vec<u32>,
        woken: Vec<u32>,
        token: bool,
    }
    let shared = Arc::new((Mutex::new(S::default()), Condvar::new(), Condvar::new()));
    let spawn = |id: u32| {
        let shared = shared.clone();
        thread::spawn(move || {
            let (m, token, arrival) = &*shared;
            let mut s = m.lock();
            s.arrived.push(id);
            arrival.notify_one();
            while !s.token {
                token.wait(&mut s);
            }
            s.woken.push(id);
            token.notify_one();
        })
    };
    let (a, b) = (spawn(1), spawn(2));
    {
        let (m, token, arrival) = &*shared;
        let mut s = m.lock();
        while s.arrived.len() < 2 {
            arrival.wait(&mut s);
        }
        s.token = true;
        token.notify_one();
    }
    a.join().unwrap();
    b.join().unwrap();
    let s = shared.0.lock();
    if s.arrived == s.woken { "in-order" } else { "overtaken" }
}

/// Wrapping arithmetic at every width, signed extremes and bit operations: what the facade computes is what std
/// computes.
pub fn arithmetic() -> &'static str {
    let a = AtomicU8::new(250);
    assert_eq!(a.fetch_add(10, Relaxed), 250);
    assert_eq!(a.fetch_sub(5, Relaxed), 4);
    assert_eq!(a.fetch_max(7, Relaxed), 255);
    assert_eq!(a.fetch_nand(0x0f, Relaxed), 255);
    assert_eq!(a.load(Relaxed), 0xf0);
    let b = AtomicI8::new(-3);
    assert_eq!(b.fetch_max(2, Relaxed), -3);
    assert_eq!(b.fetch_min(-128, Relaxed), 2);
    assert_eq!(b.fetch_sub(1, Relaxed), -128);
    assert_eq!(b.load(Relaxed), 127);
    let c = selvedge::sync::AtomicBool::new(true);
    assert!(c.fetch_nand(true, Relaxed));
    assert!(!c.fetch_nand(false, Relaxed));
    assert!(c.load(Relaxed));
    let mut d = AtomicU32::new(1);
    d.with_mut(|v| *v += 1);
    assert_eq!(d.into_inner(), 2);
    "done"
}

/// The value behind a count is read by one thread and destroyed by the other, whoever is last; a relaxed flag says
/// that the first is done, and orders nothing.
pub fn destroyed_by_the_last() -> &'static str {
    struct Writes(Shared<u32>);
    impl Drop for Writes {
        fn drop(&mut self) {
            self.0.set(0);
        }
    }
    let (a, done) = (Arc::new(Writes(Shared::new(0))), Arc::new(AtomicU32::new(0)));
    let theirs = (a.clone(), done.clone());
    let t = thread::spawn(move || {
        theirs.0.0.get();
        drop(theirs.0);
        theirs.1.store(1, Relaxed);
    });
    let first = done.load(Relaxed) == 1;
    drop(a);
    t.join().unwrap();
    if first { "last" } else { "any" }
}

/// A tracked value is used by a thread that may outlive it.
pub fn use_after_scope(joins: bool) -> &'static str {
    let value = Tracked::new(5);
    let ptr = value.ptr();
    // SAFETY: the engine reports a use that is not ordered before the end of scope, before memory is touched.
    let t = thread::spawn(move || unsafe { ptr.with(|v| *v) });
    if joins {
        t.join().unwrap();
    }
    drop(value);
    "done"
}

/// A cycle of counts.
pub fn leak() -> &'static str {
    std::mem::forget(Arc::new(0));
    "done"
}

/// Exclusive access to an atomic that another thread may still be using.
pub fn get_mut_in_a_destructor(joins: bool) -> &'static str {
    struct Owner(AtomicU32);
    impl Drop for Owner {
        fn drop(&mut self) {
            self.0.with_mut(|v| *v = 9);
        }
    }
    let a = Arc::new(Owner(AtomicU32::new(0)));
    let b = a.clone();
    let t = thread::spawn(move || b.0.store(1, Relaxed));
    if joins {
        t.join().unwrap();
    }
    drop(a);
    "done"
}

/// A panic that the model catches releases what it held.
pub fn caught_panic() -> String {
    let n = Arc::new((Mutex::new(0), Shared::new(0)));
    let theirs = n.clone();
    let t = thread::spawn(move || {
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut g = theirs.0.lock();
            *g += 1;
            theirs.1.set(1);
            panic!("caught");
        }));
        always("caught", failed.is_err(), || "the panic got lost".to_owned());
    });
    let seen = {
        let mut g = n.0.lock();
        *g += 1;
        n.1.get()
    };
    t.join().unwrap();
    let total = *n.0.lock();
    format!("{total}, {seen} before")
}
