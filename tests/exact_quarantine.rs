//! With frees held back, pointers may be compared: an address means the same allocation in every re-execution.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::{Kind, Quarantine, Verdict, always};
use selvedge::sync::{Arc, AtomicPtr, AtomicU32, AtomicU64, Mutex, Ordering::*, UnsafeCell, thread};
use std::hint::black_box;
use std::ptr::null_mut;
use support::{exact, outcomes};

#[global_allocator]
static ALLOCATOR: Quarantine = Quarantine;

#[test]
fn an_address_does_not_come_back_within_an_execution() {
    let x = exact(|| {
        // Through black boxes, or the compiler knows better than to allocate.
        let first = black_box(Box::into_raw(Box::new(black_box(1u64))));
        // SAFETY: just made, nobody else has it.
        drop(unsafe { Box::from_raw(first) });
        let second = black_box(Box::into_raw(Box::new(black_box(2u64))));
        always("fresh", first != second, || "the address came back".into());
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(second) });
        "done"
    });
    assert_eq!(x.verdict, Verdict::Exhausted);
}

/// Pushes and pops on a lock-free stack whose nodes are freed at once: with reuse of addresses a textbook ABA.
#[test]
fn a_stack_that_frees_its_nodes_is_deterministic() {
    struct Node(*mut Node);
    struct Stack(AtomicPtr<Node>);
    impl Stack {
        fn push(&self) {
            let node = Box::into_raw(Box::new(Node(null_mut())));
            loop {
                let head = self.0.load(Acquire);
                // SAFETY: not published yet: nobody else is here.
                unsafe { (*node).0 = head };
                if self.0.compare_exchange(head, node, AcqRel, Acquire).is_ok() {
                    return;
                }
            }
        }
        fn take_all(&self) -> usize {
            let mut node = self.0.swap(null_mut(), AcqRel);
            let mut n = 0;
            while !node.is_null() {
                // SAFETY: the swap made this thread their only owner.
                node = unsafe { Box::from_raw(node) }.0;
                n += 1;
            }
            n
        }
    }
    let x = exact(|| {
        let s = Arc::new(Stack(AtomicPtr::new(null_mut())));
        let s2 = s.clone();
        let h = thread::spawn(move || {
            s2.push();
            let n = s2.take_all();
            s2.push();
            n
        });
        s.push();
        let mine = s.take_all();
        let theirs = h.join().unwrap();
        let rest = s.take_all();
        always("none-lost", mine + theirs + rest == 3, || format!("{mine} + {theirs} + {rest}"));
        format!("{mine}{theirs}{rest}")
    });
    assert_eq!(x.verdict, Verdict::Exhausted, "{}", x.verdict);
    assert!(outcomes(&x).len() > 3);
}

/// One thread takes an object out of the shared pointer and frees it; another uses what it has found there before.
fn frees_what_another_uses<T: 'static>(make: fn() -> T, uses: fn(&T)) {
    let x = exact(move || {
        let p = Arc::new(AtomicPtr::new(Box::into_raw(Box::new((make(), [0u64; 8])))));
        let theirs = p.clone();
        let h = thread::spawn(move || {
            let found = theirs.load(Acquire);
            // SAFETY: none, if it is not null and has been freed: that is the fault. The memory is still there.
            if let Some((object, _)) = unsafe { found.as_ref() } {
                uses(object);
            }
        });
        let mine = p.swap(null_mut(), AcqRel);
        // SAFETY: the swap made this thread the only owner.
        drop(unsafe { Box::from_raw(mine) });
        h.join().unwrap();
        "ok"
    });
    let f = x.failure.as_ref().expect("a use after the free is found");
    assert_eq!(f.kind, Kind::UseAfterFree, "{}", f.message);
    assert!(f.message.ends_with("has been freed by main"), "{}", f.message);
    assert!(f.events.iter().any(|e| e.thread.0 == 0), "who freed it is shown");
}

#[test]
fn an_object_in_freed_memory_is_named_as_such() {
    frees_what_another_uses(|| AtomicU32::new(5), |a| a.store(1, Relaxed));
    frees_what_another_uses(|| [0u64, 0].map(AtomicU64::new), |a| a[1].store(1, Relaxed));
    frees_what_another_uses(|| Mutex::new(5), |m| *m.lock() += 1);
    // SAFETY: the engine reports the use before memory is touched.
    frees_what_another_uses(|| UnsafeCell::new(5), |c| c.with_mut(|p| unsafe { *p += 1 }));
}
