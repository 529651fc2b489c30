//! Store buffering: each thread stores to one atomic and loads the other. May both read the old value?
//!
#![doc = include_str!("store_buffering.md")]

use super::{right, wrong};
use crate::spawn;
use selvedge::check::{EngineKind, Grade, Kind, Model, always, sometimes};
use selvedge::sync::{Arc, AtomicU32, Named, Ordering, fence};

fn store_then_load(access: Ordering, fenced: bool) -> &'static str {
    let x = Arc::new(AtomicU32::new(0).named("x"));
    let y = Arc::new(AtomicU32::new(0).named("y"));
    let (load, store) = match access {
        Ordering::SeqCst => (Ordering::SeqCst, Ordering::SeqCst),
        _ => (Ordering::Relaxed, Ordering::Relaxed),
    };
    let side = move |mine: &AtomicU32, other: &AtomicU32| {
        mine.store(1, store);
        if fenced {
            fence(Ordering::SeqCst);
        }
        other.load(load)
    };
    let left = {
        let (x, y) = (x.clone(), y.clone());
        spawn("left", move || side(&x, &y))
    };
    let right = side(&y, &x);
    let left = left.join().unwrap();
    always("someone-sees-the-other", left + right > 0, || "both threads read 0".to_owned());
    sometimes("both-see", left + right == 2);
    sometimes("one-sees", left + right == 1);
    if left + right == 2 { "both" } else { "one" }
}

/// The model.
pub fn model() -> Model {
    const BOTH_OLD: [(&str, Kind); 1] = [("someone-sees-the-other", Kind::Assertion)];
    Model::new("canary_store_buffering", "store buffering: loom's false alarm on SeqCst accesses")
        .lesson(include_str!("store_buffering.md"))
        .always("someone-sees-the-other", "at least one thread sees the other's store")
        .sometimes("both-see", "both threads see the other's store")
        .sometimes("one-sees", "one thread is wholly before the other's load")
        .outcome("both", Grade::Acceptable, "each thread sees the store of the other")
        .outcome("one", Grade::Acceptable, "one thread sees the store of the other")
        .variant(
            wrong("relaxed", || store_then_load(Ordering::Relaxed, false), &BOTH_OLD)
                .out_of_reach(EngineKind::Shuttle, "sc-only: a load always reads the newest store")
                .about("wrong: both loads may be served before either store is seen"),
        )
        .variant(
            right("seq_cst", || store_then_load(Ordering::SeqCst, false))
                .false_alarm(
                    EngineKind::Loom,
                    "seqcst-as-acqrel: loom has no total order of SeqCst accesses",
                    &BOTH_OLD,
                )
                .about("right: SeqCst accesses have one total order"),
        )
        .variant(right("fenced", || store_then_load(Ordering::Relaxed, true)).about(
            "right, and every engine says so: write Dekker's handshake with a SeqCst fence on both sides",
        ))
}
