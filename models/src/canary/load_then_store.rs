//! One thread loads an atomic, the other loads it and then stores to it: may the first see the store?
//!
#![doc = include_str!("load_then_store.md")]

use super::wrong;
use crate::spawn;
use selvedge::check::{EngineKind, Grade, Kind, Model, always, sometimes};
use selvedge::sync::{Arc, AtomicU32, Named, Ordering};

fn load_meets(load_first: bool) -> &'static str {
    let x = Arc::new(AtomicU32::new(0).named("x"));
    let storer = {
        let x = x.clone();
        spawn("storer", move || {
            if load_first {
                x.load(Ordering::Relaxed);
            }
            x.store(1, Ordering::Relaxed);
        })
    };
    let seen = x.load(Ordering::Relaxed);
    storer.join().unwrap();
    // Wrong on purpose: an engine that sees all interleavings sees the store.
    always("store-unseen", seen == 0, || "the load read the store".to_owned());
    sometimes("nothing-seen", seen == 0);
    "nothing seen"
}

/// The model.
pub fn model() -> Model {
    const SEEN: [(&str, Kind); 1] = [("store-unseen", Kind::Assertion)];
    Model::new(
        "canary_load_then_store",
        "[load] against [load, store] on one atomic: loom never runs the store first",
    )
    .lesson(include_str!("load_then_store.md"))
    .always("store-unseen", "wrong on purpose: the load never reads the store")
    .sometimes("nothing-seen", "the load comes before the store")
    .outcome(
        "nothing seen",
        Grade::Acceptable,
        "the thread that stores does so too late for the other to see it",
    )
    .variant(
        wrong("load_store", || load_meets(true), &SEEN)
            .out_of_reach(
                EngineKind::Loom,
                "missed-interleaving: the storer's own load hides the race of its store with the other load",
            )
            .about("the storer loads first"),
    )
    .variant(
        wrong("store", || load_meets(false), &SEEN).about("without that load, every engine sees the store"),
    )
}
