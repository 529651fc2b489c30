//! A leader is dropped in the middle of its attempt: its task was cancelled, or it panicked.
//!
#![doc = include_str!("leader_dropped.md")]

use super::miniature::{Defect, Miniature, Sound};
use super::{Gate, Next, Shipped, lead};
use crate::spawn_in;
use selvedge::check::{Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::sync::thread;

struct ForgetsOnDrop;
impl Defect for ForgetsOnDrop {
    /// BUG: only those who end their attempt on purpose tell the others.
    const PUBLISH_DROP: bool = false;
}

struct ResetsOnDrop;
impl Defect for ResetsOnDrop {
    const KEEPS_RESOURCE: bool = false;
}

/// A leader has done part of its work when it is dropped; a task waits, or comes too late to wait.
fn scenario<G: Gate>() -> &'static str {
    let gate = G::new();
    let mut first = lead(&gate);
    thread::scope(|threads| {
        spawn_in(threads, "task", || {
            let (next, waited) = gate.enter_as_task();
            sometimes("waiter-took-over", waited);
            let Next::Lead(mut attempt) = next else { unreachable!("nobody else commits") };
            let attempts = G::work(&mut attempt);
            always("resource-handed-over", attempts == 2, || {
                format!("the successor finds the resource as {} of 2 attempts left it", attempts - 1)
            });
            G::commit(attempt);
        });
        G::work(&mut first);
        note(|| "is dropped".to_owned());
        drop(first);
    });
    "taken over"
}

pub(super) fn model() -> Model {
    Model::new("gate_leader_dropped", "a leader is dropped in the middle of its attempt")
        .incident("002")
        .lesson(include_str!("leader_dropped.md"))
        .always("no-lost-wakeup", "nobody is asleep with no one left to wake them")
        .always("resource-handed-over", "the successor finds the resource as the last leader left it")
        .sometimes("waiter-took-over", "a task that waited for the dropped attempt leads the next")
        .outcome("taken over", Grade::Acceptable, "the other caller leads the next attempt and finds the resource as it was left")
        .variant(
            Variant::buggy("forgets_on_drop", scenario::<Miniature<ForgetsOnDrop>>, &[(
                "no-lost-wakeup",
                Kind::LostWakeup,
            )])
            .about("an attempt that is dropped tells nobody"),
        )
        .variant(
            Variant::fixed("publishes_drop", scenario::<Miniature<Sound>>)
                .about("the same miniature, whose attempts end when they are dropped: shows that nothing else is wrong")
                .canary(),
        )
        .variant(
            Variant::fixed("epoch_gate", scenario::<Shipped>)
                .about("ConnectGate: its waiters learn that the attempt was abandoned; the first to run leads"),
        )
        .falsifier(
            "resource-handed-over",
            Kind::Assertion,
            scenario::<Miniature<ResetsOnDrop>>,
            "an attempt that is dropped puts the resource back to its beginning",
        )
}
