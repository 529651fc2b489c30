//! What locks, condition variables, parking and barriers do.

use super::Shared;
use selvedge::check::always;
use selvedge::sync::atomic::{AtomicU32, Ordering::*};
use selvedge::sync::{Arc, Barrier, Condvar, Mutex, Named, RwLock, thread};
use std::time::Duration;

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

/// A token is taken once.
pub fn park_twice_for_one_unpark() -> &'static str {
    thread::current().unpark();
    thread::park();
    thread::park();
    "done"
}

/// An unpark before the park is not lost.
pub fn unpark_self_first() -> &'static str {
    thread::current().unpark();
    thread::park();
    "done"
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

/// `n` threads wait, without a loop; one is notified before anybody may time out or wake spuriously. Outcome: who.
pub fn who_is_notified(n: u32) -> u32 {
    let shared = Arc::new((Mutex::new((0, None)), Condvar::new(), Condvar::new()));
    for id in 0..n {
        let shared = shared.clone();
        thread::spawn(move || {
            let (m, waits, told) = &*shared;
            let mut s = m.lock();
            s.0 += 1;
            told.notify_all();
            waits.wait(&mut s);
            s.1.get_or_insert(id);
            told.notify_all();
        });
    }
    let (m, waits, told) = &*shared;
    let mut s = m.lock();
    while s.0 < n {
        told.wait(&mut s);
    }
    waits.notify_one();
    loop {
        if let Some(id) = s.1 {
            waits.notify_all();
            return id;
        }
        told.wait(&mut s);
    }
}
