//! A leader has published its attempt and not woken anybody yet; meanwhile the next attempt begins and has a waiter.
//!
#![doc = include_str!("late_broadcaster.md")]

use super::miniature::{Defect, Miniature, Sound};
use super::{Gate, Shipped, ensure, lead};
use selvedge::check::{Kind, Model, Role, Variant, always, sometimes};
use selvedge::sync::thread;

/// The naive gate.
struct DrainsAll;
impl Defect for DrainsAll {
    /// BUG: whoever is in the queue by now may wait for the next attempt; its registration is used up for this one.
    const OWN_EPOCH: bool = false;
}

/// The leader of 1 commits; a user finds 1 broken and ensures 2; another caller comes along.
fn scenario<G: Gate>() -> &'static str {
    let gate = G::new();
    let first = lead(&gate);
    let caller = thread::scope(|threads| {
        threads.spawn(|| {
            let first = G::commit(first);
            // Its own connection breaks at once.
            gate.invalidate(first)
        });
        let caller = threads.spawn(|| ensure(&gate));
        ensure(&gate);
        caller.join().unwrap()
    });
    always("outcome-of-its-own", caller.is_some(), || "the caller was told of a failure; none failed".to_owned());
    sometimes("second-attempt", matches!(super::lead_or(&gate), None));
    "connected"
}
