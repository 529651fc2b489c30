//! SeqCst fences around accesses that no atomic orders.
//!
#![doc = include_str!("fence_race.md")]

use super::{right, wrong};
use crate::spawn;
use selvedge::check::{EngineKind, Grade, Kind, Model, sometimes};
use selvedge::sync::{Arc, AtomicU32, Named, Ordering, UnsafeCell, fence};

struct Parcel {
    sent: AtomicU32,
    content: UnsafeCell<u32>,
}

// SAFETY: the content is read only after `sent` was seen set. With the fence in the wrong place that is not enough, which
// is the point; the checker sees the access before it happens.
unsafe impl Sync for Parcel {}

fn send(fence_before_flag: bool) -> &'static str {
    let parcel = Arc::new(Parcel {
        sent: AtomicU32::new(0).named("sent"),
        content: UnsafeCell::new(0).named("content"),
    });
    let sender = {
        let parcel = parcel.clone();
        spawn("sender", move || {
            // SAFETY: the only writer, and nobody reads before `sent` is set.
            parcel.content.with_mut(|c| unsafe { *c = 7 });
            if fence_before_flag {
                fence(Ordering::SeqCst);
            }
            parcel.sent.store(1, Ordering::Relaxed);
            if !fence_before_flag {
                // BUG: a fence orders the flag only with what is before the fence.
                fence(Ordering::SeqCst);
            }
        })
    };
    let content = (parcel.sent.load(Ordering::Relaxed) == 1).then(|| {
        fence(Ordering::SeqCst);
        // SAFETY: `sent` is 1, so the sender is done. False if its fence comes after the flag.
        parcel.content.with(|c| unsafe { *c })
    });
    sender.join().unwrap();
    sometimes("received", content == Some(7));
    sometimes("too-early", content.is_none());
    if content.is_some() { "received" } else { "too early" }
}

/// The model.
pub fn model() -> Model {
    const RACE: [(&str, Kind); 1] = [("race-free", Kind::DataRace)];
    Model::new("canary_fence_race", "a fence after the flag instead of before it: loom's fences hide the race")
        .lesson(include_str!("fence_race.md"))
        .always("race-free", "the content is read after it was written")
        .sometimes("received", "the receiver finds the parcel")
        .sometimes("too-early", "the receiver comes before the parcel")
        .outcome("received", Grade::Acceptable, "the flag is seen, and what was written before it is read")
        .outcome("too early", Grade::Acceptable, "the reader does not see the flag set")
        .variant(
            wrong("fence_after_flag", || send(false), &RACE)
                .out_of_reach(
                    EngineKind::Loom,
                    "fence-too-strong: loom's SeqCst fences synchronise with each other, whatever was read between",
                )
                .about("wrong: the flag is not ordered after the content"),
        )
        .variant(right("fence_before_flag", || send(true)).about("right: fence, flag; flag, fence"))
}
