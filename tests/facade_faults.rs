//! What the checked form reports: leaks, uses after free, panics, strangers; and what it announces.
#![cfg(all(any(feature = "check", shuttle), not(loom)))]

mod models;

use models::{explore, plan};
use selvedge::check::engine::{self, Exploration};
use selvedge::check::event::{Op, Rmw};
use selvedge::check::run::Failure;
use selvedge::check::{Kind, Verdict, always};
use selvedge::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use selvedge::sync::{thread_local, *};
use std::sync::{Mutex as StdMutex, OnceLock as StdOnceLock};

fn under_shuttle(program: impl Fn() + Send + Sync + 'static) -> Exploration {
    explore(engine::shuttle::explore, &plan(300), move || {
        program();
        "done"
    })
}

/// The failure, which must be of this property and kind.
#[track_caller]
fn failure(got: Exploration, property: &str, kind: Kind) -> Box<Failure> {
    assert_eq!(got.verdict, Verdict::Found { property: property.to_owned(), kind });
    got.failure.expect("a finding comes with its execution")
}

#[test]
fn a_forgotten_arc_is_a_leak_named_by_where_it_was_made() {
    let line = line!() + 1;
    let f = failure(under_shuttle(|| std::mem::forget(Arc::new(1).named("lost"))), "leak-free", Kind::Leak);
    let place = format!("tests/facade_faults.rs:{line}");
    assert!(f.message.contains("Arc lost") && f.message.contains(&place), "{}", f.message);
    // A cycle is a leak too; a Weak that is left over is none.
    struct Node(Mutex<Option<Arc<Node>>>);
    let cycle = || {
        let me = Arc::new(Node(Mutex::new(None)));
        *me.0.lock() = Some(me.clone());
    };
    failure(under_shuttle(cycle), "leak-free", Kind::Leak);
    let weak = || std::mem::forget(Arc::downgrade(&Arc::new(1)));
    assert_eq!(under_shuttle(weak).verdict, Verdict::NotFound { n: 300 });
}

#[test]
fn a_forgotten_tracked_value_is_a_leak() {
    let f = failure(under_shuttle(|| std::mem::forget(Tracked::new(1))), "leak-free", Kind::Leak);
    assert!(f.message.starts_with("Tracked"), "{}", f.message);
}

#[test]
fn a_use_after_the_owner_left_is_found_before_memory_is_touched() {
    let f = failure(
        under_shuttle(|| {
            let owner = Tracked::new(1);
            let pointer = owner.ptr();
            let user = thread::spawn(move || {
                // SAFETY: nobody has exclusive access; a dead owner is what the test is about.
                unsafe { pointer.with(|v| assert_eq!(*v, 1)) }
            });
            drop(owner);
            user.join().unwrap();
        }),
        "no-use-after-free",
        Kind::UseAfterFree,
    );
    assert_eq!(f.thread.map(|t| t.0), Some(1));
}

/// Also where no engine looks on: in checked form the owner notices its user, and the user its owner.
#[test]
fn a_native_owner_that_leaves_in_the_middle_of_a_use_panics_before_the_value_is_destroyed() {
    let mut owner = Some(Tracked::new(vec![1]));
    let pointer = owner.as_ref().unwrap().ptr();
    let leaves = std::panic::AssertUnwindSafe(|| {
        // SAFETY: nobody has exclusive access to the value; that the owner leaves is what the test is about.
        unsafe { pointer.with(|_| drop(owner.take())) }
    });
    let message = std::panic::catch_unwind(leaves).unwrap_err();
    let message = message.downcast_ref::<String>().expect("a formatted message");
    assert!(message.ends_with("was in use when its owner left scope"), "{message}");
}

#[test]
fn panics_are_failures_with_message_and_place() {
    let line = line!() + 1;
    let f = failure(under_shuttle(|| panic!("no {}", "good")), "no-panic", Kind::Panic);
    assert_eq!(f.message, format!("no good (tests/facade_faults.rs:{line})"));
    let f = failure(under_shuttle(|| assert_eq!(1, 2)), "no-panic", Kind::Assertion);
    assert!(f.message.starts_with("assertion"), "{}", f.message);
    // On another thread, whether or not it is joined.
    let unjoined = || drop(thread::spawn(|| panic!("unjoined")));
    assert_eq!(failure(under_shuttle(unjoined), "no-panic", Kind::Panic).thread.map(|t| t.0), Some(1));
    // Thrown without the hook.
    let thrown = || std::panic::resume_unwind(Box::new("thrown"));
    assert_eq!(failure(under_shuttle(thrown), "no-panic", Kind::Panic).message, "thrown");
    // While thread-locals are destroyed.
    thread_local!(static BAD: Bad = Bad);
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("bad destructor");
        }
    }
    let f = failure(under_shuttle(|| BAD.with(|_| ())), "no-panic", Kind::Panic);
    assert!(f.message.starts_with("bad destructor"), "{}", f.message);
}

#[test]
fn a_panic_that_the_model_catches_is_no_failure() {
    let got = under_shuttle(|| {
        let lock = Mutex::new(0);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = lock.lock();
            panic!("caught");
        }));
        assert!(caught.is_err());
        // The guard was dropped while unwinding, and parking_lot's locks do not poison.
        drop(lock.lock());
    });
    assert_eq!(got.verdict, Verdict::NotFound { n: 300 });
}

#[test]
fn objects_of_elsewhere_are_refused_with_advice() {
    struct Shared((AtomicU32, Mutex<i32>, UnsafeCell<i32>));
    // SAFETY: the cell is never reached; the facade refuses first.
    unsafe impl Sync for Shared {}
    let outside = std::sync::Arc::new(Shared((AtomicU32::new(0), Mutex::new(0), UnsafeCell::new(0))));
    for which in 0..3 {
        let outside = outside.clone();
        let f = failure(
            under_shuttle(move || {
                let Shared((atomic, mutex, cell)) = &*outside;
                match which {
                    0 => atomic.store(1, Relaxed),
                    1 => drop(mutex.lock()),
                    _ => cell.with(|_| ()),
                }
            }),
            "no-panic",
            Kind::Panic,
        );
        assert!(f.message.contains("construct it inside the scenario"), "{}", f.message);
    }
    // What one execution leaves behind, the next must not use.
    static LEFT: StdOnceLock<AtomicU32> = StdOnceLock::new();
    let f = failure(
        under_shuttle(|| {
            LEFT.get_or_init(|| AtomicU32::new(0)).load(Relaxed);
        }),
        "no-panic",
        Kind::Panic,
    );
    assert!(f.message.contains("in one execution of a model is used outside"), "{}", f.message);
    // Dropping a stranger is harmless, and so is an Arc.
    let arc = Arc::new(1);
    assert_eq!(under_shuttle(move || drop(arc.clone())).verdict, Verdict::NotFound { n: 300 });
    static PASSED: StdMutex<Vec<(mpsc::Sender<u8>, Tracked<u8>)>> = StdMutex::new(Vec::new());
    let got = under_shuttle(|| {
        let (tx, rx) = mpsc::channel();
        PASSED.lock().unwrap().clear();
        PASSED.lock().unwrap().push((tx, Tracked::new(1)));
        drop(rx);
    });
    assert_eq!(failure(got, "leak-free", Kind::Leak).kind, Kind::Leak);
    PASSED.lock().unwrap().clear();
}

#[test]
fn operations_are_announced_with_their_declared_arguments_and_place() {
    let line = line!() + 4;
    let f = failure(
        under_shuttle(|| {
            let a = AtomicI8::new(-1).named("word");
            a.fetch_max(-2, Release);
            let _ = a.compare_exchange_weak(3, -4, SeqCst, Acquire);
            fence(SeqCst);
            let cell = UnsafeCell::new(0).named_with(|| "data".into());
            cell.with(|_| ());
            always("shown", false, || "look".into());
        }),
        "shown",
        Kind::Assertion,
    );
    let word = f.objects.iter().find(|(_, o)| o.name.as_deref() == Some("word")).map(|(id, _)| *id).unwrap();
    let data = f.objects.iter().find(|(_, o)| o.name.as_deref() == Some("data")).map(|(id, _)| *id).unwrap();
    let ops: Vec<Op> = f.events.iter().map(|e| e.op).collect();
    let operand = -2i8 as u8 as u64;
    assert_eq!(
        ops,
        [
            Op::Rmw { obj: word, order: Release, rmw: Rmw::MaxSigned, operand, width: 8 },
            Op::Cas { obj: word, expected: 3, new: 252, success: SeqCst, failure: Acquire, weak: true },
            Op::Fence { order: SeqCst },
            Op::CellBegin { obj: data, write: false },
            Op::CellEnd { obj: data, write: false },
        ]
    );
    assert_eq!(
        (f.events[0].answer.value, f.events[1].answer.value, f.events[1].answer.ok),
        (255, 255, false)
    );
    for (i, event) in f.events[..3].iter().enumerate() {
        assert_eq!((event.site.file(), event.site.line()), ("tests/facade_faults.rs", line + i as u32));
    }
    assert_eq!(f.sites[0].2.file(), "tests/facade_faults.rs");
}

#[test]
fn is_finished_is_refused() {
    let got = under_shuttle(|| assert!(!thread::spawn(|| ()).is_finished()));
    assert!(
        matches!(&got.verdict, Verdict::OutOfReach { reason } if reason.contains("atomic")),
        "{}",
        got.verdict
    );
}

/// A reader that knows of the replacement only by a relaxed flag may still find the old value; by an acquiring one
/// it may not.
#[cfg(not(shuttle))]
fn stale_reads(flag: Ordering, flagged: Ordering) -> &'static str {
    let shared = Arc::new((ArcSwap::from_pointee(1), AtomicBool::new(false)));
    let writer = {
        let shared = shared.clone();
        thread::spawn(move || {
            shared.0.store(Arc::new(2));
            shared.1.store(true, flag);
        })
    };
    let told = shared.1.load(flagged);
    let seen = **shared.0.load();
    writer.join().unwrap();
    match (told, seen) {
        (true, 1) => "stale",
        _ => "fresh",
    }
}

#[cfg(not(shuttle))]
#[test]
fn arc_swap_is_a_pointer_not_a_lock() {
    for engine in [engine::exact::explore, engine::loom::explore] {
        let mut plan = plan(1 << 20);
        plan.preemptions = None;
        let got = explore(engine, &plan, || stale_reads(Relaxed, Relaxed));
        assert_eq!(got.verdict, Verdict::Exhausted);
        assert!(
            got.outcomes.contains_key("stale") && got.outcomes.contains_key("fresh"),
            "{:?}",
            got.outcomes
        );
        let got = explore(engine, &plan, || stale_reads(Release, Acquire));
        assert_eq!(got.verdict, Verdict::Exhausted);
        assert!(!got.outcomes.contains_key("stale"), "{:?}", got.outcomes);
    }
}

#[cfg(not(shuttle))]
#[test]
fn the_native_engine_reports_what_any_thread_found() {
    let native = |program: fn()| {
        explore(engine::native::explore, &plan(3), move || {
            program();
            "done"
        })
    };
    let got = native(|| {
        thread::scope(|s| {
            s.spawn(|| selvedge::check::sometimes("inherited", true));
        });
        selvedge::check::sometimes("never", false);
    });
    assert_eq!((got.verdict, got.executions, got.seen), (Verdict::NotFound { n: 3 }, 3, vec!["inherited"]));
    assert_eq!(got.outcomes.get("done"), Some(&3));
    let got = native(|| {
        let f = || {
            selvedge::check::violated_unless("done-once", Kind::DoubleCompletion, false, || "twice".into())
        };
        let _ = thread::spawn(move || thread::spawn(f).join()).join();
    });
    assert_eq!(failure(got, "done-once", Kind::DoubleCompletion).message, "twice");
    let line = line!() + 1;
    let got = native(|| drop(thread::Builder::new().spawn(|| panic!("alone")).unwrap().join()));
    let f = failure(got, "no-panic", Kind::Panic);
    assert_eq!(f.message, format!("alone (tests/facade_faults.rs:{line})"));
    let nothing = explore(engine::native::explore, &plan(0), || "done");
    assert!(matches!(nothing.verdict, Verdict::Inconclusive { .. }));
}

#[cfg(not(shuttle))]
#[test]
fn native_choices_follow_the_seed() {
    let choices = |seed| {
        static SEEN: StdMutex<Vec<u32>> = StdMutex::new(Vec::new());
        let mut plan = plan(2);
        plan.seed = seed;
        explore(engine::native::explore, &plan, || {
            let drawn: Vec<u32> = (0..20).map(|_| choose(1000)).collect();
            SEEN.lock().unwrap().extend(drawn);
            "drawn"
        });
        std::mem::take(&mut *SEEN.lock().unwrap())
    };
    let first = choices(1);
    assert_eq!((first.len(), &choices(1)), (40, &first));
    assert_ne!(choices(2), first);
    assert_ne!(first[..20], first[20..], "each execution draws anew");
}
