//! `fetch_add(1)` against `store(10)`: the addition reads a value and its result directly follows it.
//!
#![doc = include_str!("rmw_atomicity.md")]

use super::right;
use crate::spawn;
use selvedge::check::{EngineKind, Grade, Kind, Model, always, sometimes};
use selvedge::sync::{Arc, AtomicU32, Named, Ordering};

/// Adds one and returns what there was.
type Add = fn(&AtomicU32) -> u32;

fn in_one(x: &AtomicU32) -> u32 {
    x.fetch_add(1, Ordering::Relaxed)
}

/// Of no variant: what loom takes the addition of `store` for.
fn in_two(x: &AtomicU32) -> u32 {
    let before = x.load(Ordering::Relaxed);
    x.store(before + 1, Ordering::Relaxed);
    before
}

fn add_meets(add: Add, other: fn(&AtomicU32)) -> &'static str {
    let x = Arc::new(AtomicU32::new(0).named("x"));
    let adder = {
        let x = x.clone();
        spawn("adder", move || add(&x))
    };
    other(&x);
    let before = adder.join().unwrap();
    let last = x.load(Ordering::Relaxed);
    // 0 then 1 then 10, or 10 then 11.
    always("nothing-lost", (before, last) == (0, 10) || (before, last) == (10, 11), || {
        format!("the addition read {before}, and in the end there is {last}")
    });
    sometimes("added-first", before == 0);
    sometimes("added-last", before == 10);
    if before == 0 { "added first" } else { "added last" }
}

/// The model.
pub fn model() -> Model {
    const LOST: [(&str, Kind); 1] = [("nothing-lost", Kind::Assertion)];
    Model::new("canary_rmw_atomicity", "fetch_add against store: loom reports an outcome that cannot be")
        .lesson(include_str!("rmw_atomicity.md"))
        .always("nothing-lost", "the addition and the other write happen one after the other")
        .sometimes("added-first", "the addition comes first")
        .sometimes("added-last", "the addition comes last")
        .outcome("added first", Grade::Acceptable, "the addition comes before the store, which overwrites it")
        .outcome("added last", Grade::Acceptable, "the addition comes after the store")
        .variant(
            right("store", || add_meets(in_one, |x| x.store(10, Ordering::Relaxed)))
                .false_alarm(
                    EngineKind::Loom,
                    "rmw-atomicity: loom lets the store fall between the two halves of the addition",
                    &LOST,
                )
                .about("right: a store cannot fall between the load and the store of an addition"),
        )
        .variant(
            right("swap", || {
                add_meets(in_one, |x| {
                    x.swap(10, Ordering::Relaxed);
                })
            })
            .about("right, and every engine says so: two read-modify-writes"),
        )
        .falsifier(
            "nothing-lost",
            Kind::Assertion,
            || add_meets(in_two, |x| x.store(10, Ordering::Relaxed)),
            "the addition is a load and a store",
        )
}
