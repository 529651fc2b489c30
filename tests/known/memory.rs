//! What atomics, fences and spinning do.

use super::Shared;
use selvedge::check::always;
use selvedge::sync::atomic::{AtomicI8, AtomicU8, AtomicU32, AtomicUsize, Ordering, Ordering::*, fence};
use selvedge::sync::{Arc, hint, thread};

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
    // As a whole: what is compared is not its last bit alone.
    assert_eq!(c.compare_exchange(false, false, Relaxed, Relaxed), Ok(false));
    assert!(!c.fetch_nand(false, Relaxed));
    assert!(c.load(Relaxed));
    let mut d = AtomicU32::new(1);
    d.with_mut(|v| *v += 1);
    assert_eq!(d.into_inner(), 2);
    "done"
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
