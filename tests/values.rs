//! Values in counterexamples read as in the source, whatever the type of the atomic: `-1`, `true`, `null`. The log itself has
//! bits; what they mean comes with the object.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::engine::{Exploration, Plan, exact, loom, shuttle};
use selvedge::check::model::{Scenario, Strategy};
use selvedge::check::runner::trace::Trace;
use selvedge::check::{Outcome, always};
use selvedge::render::{timeline::timeline, why::why};
use selvedge::sync::atomic::{Ordering::*, *};
use selvedge::sync::{Arc, ArcSwap, Named, thread};
use support::{plan, scenario};

const ENGINES: [fn(&Scenario, &Plan) -> Exploration; 3] = [loom::explore, shuttle::explore, exact::explore];

/// The texts of the operations on `x`, the same under every engine.
#[track_caller]
fn texts(f: impl Fn() + Send + Sync + 'static) -> Vec<String> {
    let failing = scenario(move || -> Outcome {
        f();
        always("never", false, String::new);
        "".into()
    });
    let [a, b, c] = ENGINES.map(|explore| {
        let x = explore(&failing, &Plan { strategy: Strategy::Dfs, ..plan() });
        let trace = Trace::of(&x.failure.expect("it always fails"));
        let of_x = trace.events.iter().filter(|e| e.object.as_deref() == Some("x"));
        let mut said: Vec<String> = of_x.map(|e| e.text.clone()).collect();
        said.extend(
            trace.initial.iter().filter(|(name, _)| name == "x").map(|(_, v)| format!("at first {v}")),
        );
        said
    });
    assert_eq!(a, b);
    assert_eq!(b, c);
    a
}

macro_rules! signed {
    ($($test:ident $atomic:ident $value:ident),*) => { $(
        #[test]
        fn $test() {
            let said = texts(|| {
                let x = $atomic::new(-1).named("x");
                let _ = x.load(Relaxed);
                x.fetch_sub(1, AcqRel);
                x.fetch_add(-5, Relaxed);
                x.fetch_max(3, SeqCst);
                let _ = x.compare_exchange(3, $value::MIN, SeqCst, Relaxed);
                let _ = x.compare_exchange(-7, 0, SeqCst, Relaxed);
                x.store(-3, Release);
            });
            let (min, order) = ($value::MIN, "(sc)");
            assert_eq!(said, [
                "load x -> -1 (rlx)".to_owned(),
                "sub x 1: -1->-2 (acqrel)".to_owned(),
                "add x -5: -2->-7 (rlx)".to_owned(),
                "max x 3: -7->3 (sc)".to_owned(),
                format!("CAS x 3->{min} ok {order}"),
                format!("CAS x -7->0 failed, saw {min} (rlx)"),
                "store x = -3 (rel)".to_owned(),
                "at first -1".to_owned(),
            ]);
        }
    )* };
}

signed!(an_i8 AtomicI8 i8, an_i16 AtomicI16 i16, an_i32 AtomicI32 i32, an_i64 AtomicI64 i64, an_isize AtomicIsize isize);

macro_rules! unsigned {
    ($($test:ident $atomic:ident $max:literal),*) => { $(
        #[test]
        fn $test() {
            let said = texts(|| {
                let x = $atomic::new(0).named("x");
                x.fetch_sub(1, Relaxed);
                x.store(200, Relaxed);
            });
            let wrapped = format!("sub x 1: 0->{} (rlx)", $max);
            assert_eq!(said, [&wrapped, "store x = 200 (rlx)", "at first 0"]);
        }
    )* };
}

unsigned!(a_u8 AtomicU8 "255", a_u16 AtomicU16 "65535", a_u32 AtomicU32 "4294967295", a_u64 AtomicU64 "0xffffffffffffffff",
    a_usize AtomicUsize "0xffffffffffffffff");

#[test]
fn a_bool() {
    let said = texts(|| {
        let x = AtomicBool::new(false).named("x");
        x.swap(true, AcqRel);
        x.fetch_not(SeqCst);
        let _ = x.compare_exchange(true, false, SeqCst, Relaxed);
    });
    assert_eq!(
        said,
        [
            "swap x false->true (acqrel)",
            "xor x true: true->false (sc)",
            "CAS x true->false failed, saw false (rlx)",
            "at first false"
        ]
    );
}

#[test]
fn a_pointer() {
    let said = texts(|| {
        let mut target = 7u32;
        let x = AtomicPtr::<u32>::default().named("x");
        x.store(&mut target, Release);
        x.swap(std::ptr::null_mut(), AcqRel);
    });
    assert_eq!(said, ["store x = ptr#1 (rel)", "swap x ptr#1->null (acqrel)", "at first null"]);
}

/// What an `ArcSwap` holds is an allocation, which has a name.
#[test]
fn an_arc_swap() {
    let said = texts(|| {
        let x = ArcSwap::new(Arc::new(1).named("old")).named("x");
        x.store(Arc::new(2).named("new"));
        drop(x.load());
    });
    assert_eq!(said, ["swap x old->new (sc)", "load x -> new (acq)", "at first old"]);
}

/// The picture, its state column and the reason say it as the steps do.
#[test]
fn what_is_made_of_the_log_says_the_same() {
    let x = exact::explore(
        &scenario(|| {
            let balance = Arc::new(AtomicI32::new(0).named("balance"));
            let theirs = balance.clone();
            let t = thread::spawn(move || theirs.store(-1, Relaxed));
            let seen = balance.load(Relaxed);
            balance.store(seen - 2, Relaxed);
            t.join().unwrap();
            always("both", balance.load(Relaxed) == -3, || format!("{seen}"));
            ""
        }),
        &plan(),
    );
    let trace = Trace::of(&x.failure.expect("one of the two is lost"));
    let text = anstream::adapter::strip_str(&timeline(&trace)).to_string() + &why(&trace).sentences.join(" ");
    let saved = serde_json::to_string(&trace).expect("JSON");
    for text in [text, saved] {
        assert!(text.contains("= -1") && text.contains("-2"), "{text}");
        assert!(!text.contains("42949672"), "{text}");
    }
}
