//! What counts, tracked values, destructors and caught panics do.

use super::Shared;
use selvedge::check::always;
use selvedge::sync::atomic::{AtomicU32, Ordering::*};
use selvedge::sync::{Arc, Mutex, Tracked, thread};

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

/// What lets the owner of a tracked value go, and in which kind of use.
#[derive(Clone, Copy, Debug)]
pub enum LetsGo {
    /// One closure: the releasing store, then a look at something else of the value.
    ThenLooks,
    /// One closure that ends with the releasing store, and lasts as long as its reference does.
    AtTheEnd,
    /// The releasing store as the last access.
    Last,
    /// As the last access, with one more look at the word.
    LastButOne,
    /// As the last access, but nothing orders what the owner does after it.
    LastRelaxed,
}

/// A thread lets the owner of a tracked value go by a store into it; the owner may see that, and leaves.
pub fn let_go(how: LetsGo) -> &'static str {
    struct Frame {
        over: AtomicU32,
        looks: AtomicU32,
        heap: Vec<u8>,
    }
    let frame = Frame { over: AtomicU32::new(0), looks: AtomicU32::new(0), heap: vec![7] };
    let frame = Tracked::new(frame);
    let ptr = frame.ptr();
    let t = thread::spawn(move || {
        let last = |access: fn(&AtomicU32)| {
            // SAFETY: the owner does not leave before the store; nobody has exclusive access before it does.
            unsafe { ptr.with_last(|f| &raw const (*f).over, access) }
        };
        match how {
            // SAFETY: none, here and in the next arm: the owner may leave while the closure runs. The engine reports it.
            LetsGo::ThenLooks => unsafe {
                ptr.with(|f| {
                    f.over.store(1, Release);
                    assert_eq!((f.looks.load(Relaxed), f.heap[0]), (0, 7));
                })
            },
            LetsGo::AtTheEnd => unsafe { ptr.with(|f| f.over.store(1, Release)) },
            LetsGo::Last => last(|over| over.store(1, Release)),
            LetsGo::LastButOne => last(|over| {
                over.store(1, Release);
                over.load(Relaxed);
            }),
            LetsGo::LastRelaxed => last(|over| over.store(1, Relaxed)),
        }
    });
    if frame.over.load(Acquire) == 1 {
        drop(frame);
        t.join().unwrap();
        "early"
    } else {
        t.join().unwrap();
        drop(frame);
        "joined"
    }
}

/// A weak reference is upgraded while the only strong one may be dropped. Outcome: did it get one?
pub fn upgrade_or_not() -> String {
    let a = Arc::new(0);
    let weak = Arc::downgrade(&a);
    let t = thread::spawn(move || drop(a));
    let seen = u32::from(weak.upgrade().is_some());
    t.join().unwrap();
    seen.to_string()
}

/// One of two references is dropped, the other one is lost.
pub fn leak_of_a_clone() -> &'static str {
    let a = Arc::new(0);
    std::mem::forget(a.clone());
    drop(a);
    "done"
}

/// A cycle of counts.
pub fn leak() -> &'static str {
    std::mem::forget(Arc::new(0));
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
