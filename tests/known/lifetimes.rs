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
