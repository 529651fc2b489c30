//! With frees held back, pointers may be compared: an address means the same allocation in every re-execution.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::{Quarantine, Verdict, always};
use selvedge::sync::{Arc, AtomicPtr, Ordering::*, thread};
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
