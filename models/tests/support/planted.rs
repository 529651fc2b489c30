//! One planted bug of each kind, as small as it can be: what the reports about them say is kept in
//! `models/tests/goldens/planted`. A `selvedge` command like any other; never run by itself.

use selvedge::check::{Catalogue, EngineKind, Kind, Model, Variant, always, fingerprint, violated_unless};
use selvedge::sync::{
    Arc, AtomicBool, AtomicPtr, AtomicU32, Condvar, Mutex, Named, Ordering, Tracked, UnsafeCell, hint, thread,
};
use std::process::ExitCode;
use std::ptr::null_mut;

fn main() -> ExitCode {
    selvedge::check::main(Catalogue::new().model(planted()))
}

fn planted() -> Model {
    Model::new("planted", "one bug of each kind")
        .variant(Variant::buggy("assertion", assertion, &[("no-lost-update", Kind::Assertion)]))
        .variant(
            Variant::buggy("stale_read", stale_read, &[("sees-the-payload", Kind::Assertion)])
                .out_of_reach(EngineKind::Shuttle, "sc-only: the value is old only under weak memory"),
        )
        .variant(Variant::buggy("data_race", data_race, &[("race-free", Kind::DataRace)]))
        .variant(Variant::buggy("deadlock", deadlock, &[("deadlock-free", Kind::Deadlock)]))
        .variant(
            // Only exact knows a loop that waits from one that works; the others run into their limits.
            Variant::buggy("livelock", livelock, &[("progress", Kind::Livelock)])
                .without(EngineKind::Loom)
                .without(EngineKind::Shuttle),
        )
        .variant(
            // Only shuttle knows a state that comes again; the others would explore rounds without an end.
            Variant::buggy("after_you", after_you, &[("progress", Kind::Livelock)])
                .without(EngineKind::Loom)
                .without(EngineKind::Exact),
        )
        .variant(Variant::buggy("lost_wakeup", lost_wakeup, &[("no-lost-wakeup", Kind::LostWakeup)]))
        .variant(Variant::buggy("leak", leak, &[("leak-free", Kind::Leak)]).counted_arcs())
        .variant(Variant::buggy(
            "use_after_free",
            use_after_free,
            &[("no-use-after-free", Kind::UseAfterFree)],
        ))
        .variant(Variant::buggy(
            "double_completion",
            double_completion,
            &[("one-reply", Kind::DoubleCompletion)],
        ))
}

/// A counter that is read and written in two steps.
fn assertion() -> &'static str {
    let hits = Arc::new(AtomicU32::new(0).named("hits"));
    let other = {
        let hits = hits.clone();
        thread::spawn(move || hits.store(hits.load(Ordering::SeqCst) + 1, Ordering::SeqCst))
    };
    let seen = hits.load(Ordering::SeqCst);
    hits.store(seen + 1, Ordering::SeqCst);
    other.join().unwrap();
    let total = hits.load(Ordering::SeqCst);
    always("no-lost-update", total == 2, || format!("2 hits counted as {total}"));
    "counted"
}

/// A flag that does not publish what was written before it.
fn stale_read() -> &'static str {
    let payload = Arc::new(AtomicU32::new(0).named("payload"));
    let ready = Arc::new(AtomicBool::new(false).named("ready"));
    let writer = {
        let (payload, ready) = (payload.clone(), ready.clone());
        thread::spawn(move || {
            payload.store(7, Ordering::Relaxed);
            ready.store(true, Ordering::Relaxed);
        })
    };
    if ready.load(Ordering::Acquire) {
        let seen = payload.load(Ordering::Relaxed);
        always("sees-the-payload", seen == 7, || format!("ready, but the payload is {seen}"));
    }
    writer.join().unwrap();
    "read"
}

/// The same with plain data.
fn data_race() -> &'static str {
    struct Shared {
        payload: UnsafeCell<u32>,
        ready: AtomicBool,
    }
    // SAFETY: none; that two threads reach the cell unordered is the bug.
    unsafe impl Sync for Shared {}
    let shared = Arc::new(Shared {
        payload: UnsafeCell::new(0).named("payload"),
        ready: AtomicBool::new(false).named("ready"),
    });
    let writer = {
        let shared = shared.clone();
        thread::spawn(move || {
            // SAFETY: none; see above.
            shared.payload.with_mut(|p| unsafe { *p = 7 });
            shared.ready.store(true, Ordering::Relaxed);
        })
    };
    let mut seen = 0;
    if shared.ready.load(Ordering::Acquire) {
        // SAFETY: none; see above.
        seen = shared.payload.with(|p| unsafe { *p });
    }
    writer.join().unwrap();
    if seen == 7 { "read" } else { "too early" }
}

/// Two locks, taken in two orders.
fn deadlock() -> &'static str {
    let (accounts, audit) =
        (Arc::new(Mutex::new(10).named("accounts")), Arc::new(Mutex::new(0).named("audit")));
    let auditor = {
        let (accounts, audit) = (accounts.clone(), audit.clone());
        thread::spawn(move || {
            let mut log = audit.lock();
            *log += *accounts.lock();
        })
    };
    let mut balance = accounts.lock();
    *balance -= 1;
    *audit.lock() += 1;
    drop(balance);
    auditor.join().unwrap();
    "audited"
}

/// A signal that is taken back before everybody has seen it.
fn livelock() -> &'static str {
    let open = Arc::new(AtomicBool::new(false).named("open"));
    let visitor = {
        let open = open.clone();
        thread::spawn(move || hint::spin_until(|| open.load(Ordering::SeqCst)))
    };
    open.store(true, Ordering::SeqCst);
    open.store(false, Ordering::SeqCst);
    visitor.join().unwrap();
    "visited"
}

/// Two who step back for each other, again and again.
fn after_you() -> &'static str {
    let [left, right] =
        ["left wants", "right wants"].map(|name| Arc::new(AtomicBool::new(false).named(name)));
    let pass = |mine: &AtomicBool, theirs: &AtomicBool| {
        loop {
            mine.store(true, Ordering::SeqCst);
            if !theirs.load(Ordering::SeqCst) {
                break;
            }
            mine.store(false, Ordering::SeqCst);
            fingerprint(());
            thread::yield_now();
        }
        mine.store(false, Ordering::SeqCst);
    };
    let other = {
        let (left, right) = (left.clone(), right.clone());
        thread::spawn(move || pass(&right, &left))
    };
    pass(&left, &right);
    other.join().unwrap();
    "passed"
}

/// A condition that is changed, and signalled, without its lock.
fn lost_wakeup() -> &'static str {
    struct Queue {
        filled: AtomicBool,
        lock: Mutex<()>,
        changed: Condvar,
    }
    let queue = Arc::new(Queue {
        filled: AtomicBool::new(false).named("filled"),
        lock: Mutex::new(()).named("lock"),
        changed: Condvar::new().named("changed"),
    });
    let consumer = {
        let queue = queue.clone();
        thread::spawn(move || {
            let mut guard = queue.lock.lock();
            while !queue.filled.load(Ordering::SeqCst) {
                queue.changed.wait(&mut guard);
            }
        })
    };
    queue.filled.store(true, Ordering::SeqCst);
    queue.changed.notify_one();
    consumer.join().unwrap();
    "consumed"
}

/// A session that is handed over to somebody who has left.
fn leak() -> &'static str {
    struct Desk {
        closed: AtomicBool,
        slot: AtomicPtr<u32>,
    }
    let desk = Arc::new(Desk {
        closed: AtomicBool::new(false).named("closed"),
        slot: AtomicPtr::new(null_mut()).named("slot"),
    });
    let sender = {
        let desk = desk.clone();
        thread::spawn(move || {
            let session = Arc::new(7).named("session");
            if !desk.closed.load(Ordering::SeqCst) {
                desk.slot.store(Arc::into_raw(session).cast_mut(), Ordering::SeqCst);
            }
        })
    };
    desk.closed.store(true, Ordering::SeqCst);
    let left = desk.slot.swap(null_mut(), Ordering::SeqCst);
    if !left.is_null() {
        // SAFETY: it came out of `into_raw`, and the swap gave it to this thread alone.
        drop(unsafe { Arc::from_raw(left) });
    }
    sender.join().unwrap();
    "closed"
}

/// A callback that looks whether its request was cancelled, and then outlives it.
fn use_after_free() -> &'static str {
    let cancelled = Arc::new(AtomicBool::new(false).named("cancelled"));
    let request = Tracked::new(7u32).named("request");
    let callback = {
        let (cancelled, request) = (cancelled.clone(), request.ptr());
        thread::spawn(move || {
            if !cancelled.load(Ordering::SeqCst) {
                // SAFETY: nobody writes the value; that it may be gone is the bug.
                unsafe { request.with(|n| assert_eq!(*n, 7)) }
            }
        })
    };
    cancelled.store(true, Ordering::SeqCst);
    let answer = request.into_inner();
    callback.join().unwrap();
    if answer == 7 { "answered" } else { "answered otherwise" }
}

/// A reply and its timeout, each of which looks before it answers.
fn double_completion() -> &'static str {
    let answered = Arc::new(AtomicBool::new(false).named("answered"));
    let replies = Arc::new(AtomicU32::new(0).named("replies"));
    let complete = |answered: &AtomicBool, replies: &AtomicU32| {
        if !answered.load(Ordering::SeqCst) {
            answered.store(true, Ordering::SeqCst);
            let before = replies.fetch_add(1, Ordering::SeqCst);
            violated_unless("one-reply", Kind::DoubleCompletion, before == 0, || {
                "the caller is answered a second time".to_owned()
            });
        }
    };
    let timeout = {
        let (answered, replies) = (answered.clone(), replies.clone());
        thread::spawn(move || complete(&answered, &replies))
    };
    complete(&answered, &replies);
    timeout.join().unwrap();
    "answered"
}
