//! Message passing through two atomics, no plain data: is the flag seen before the data?
//!
#![doc = include_str!("stale_read.md")]

use super::{right, wrong};
use crate::spawn;
use selvedge::check::{EngineKind, Grade, Kind, Model, always, sometimes};
use selvedge::sync::{Arc, AtomicU32, Named, Ordering};

fn message(publish: Ordering, observe: Ordering) -> &'static str {
    let data = Arc::new(AtomicU32::new(0).named("data"));
    let flag = Arc::new(AtomicU32::new(0).named("flag"));
    let receiver = {
        let (data, flag) = (data.clone(), flag.clone());
        spawn("receiver", move || (flag.load(observe) == 1).then(|| data.load(Ordering::Relaxed)))
    };
    data.store(7, Ordering::Relaxed);
    flag.store(1, publish);
    let seen = receiver.join().unwrap();
    always("flag-implies-data", seen != Some(0), || "the flag was seen, the data was not".to_owned());
    sometimes("data-seen", seen == Some(7));
    sometimes("too-early", seen.is_none());
    if seen.is_some() { "data seen" } else { "too early" }
}

/// The model.
pub fn model() -> Model {
    const STALE: [(&str, Kind); 1] = [("flag-implies-data", Kind::Assertion)];
    const SC_ONLY: &str = "sc-only: a load always reads the newest store, and no plain data is raced for";
    Model::new(
        "canary_stale_read",
        "an ordering bug between atomics only: invisible to shuttle and to race detectors",
    )
    .lesson(include_str!("stale_read.md"))
    .always("flag-implies-data", "whoever sees the flag sees the data")
    .sometimes("data-seen", "the receiver finds the message")
    .sometimes("too-early", "the receiver comes before the message")
    .outcome("data seen", Grade::Acceptable, "the flag is seen, and so are the data")
    .outcome("too early", Grade::Acceptable, "the reader does not see the flag set")
    .variant(
        wrong("relaxed_store", || message(Ordering::Relaxed, Ordering::Acquire), &STALE)
            .out_of_reach(EngineKind::Shuttle, SC_ONLY)
            .about("wrong: the flag is stored without Release"),
    )
    .variant(
        wrong("relaxed_load", || message(Ordering::Release, Ordering::Relaxed), &STALE)
            .out_of_reach(EngineKind::Shuttle, SC_ONLY)
            .about("wrong: the flag is loaded without Acquire"),
    )
    .variant(right("release_acquire", || message(Ordering::Release, Ordering::Acquire)).about("right"))
}
