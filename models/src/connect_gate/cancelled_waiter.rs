//! A waiter gives up in the moment in which it is woken.
//!
#![doc = include_str!("cancelled_waiter.md")]

use super::miniature::{Defect, FAILED, Miniature, Sound};
use super::{Gate, Shipped, ensure, lead};
use crate::spawn_in;
use selvedge::check::{EngineKind, Grade, Kind, Model, Strategy, Variant, always, sometimes};
use selvedge::connect_gate::Turn;
use selvedge::sync::thread;
use selvedge::sync::time::Deadline;
use std::time::Duration;

struct WakesOne;
impl Defect for WakesOne {
    /// BUG: the one who is woken is to wake the next, and may be gone.
    const WAKE_ALL: bool = false;
}

struct CommitsFailure;
impl Defect for CommitsFailure {
    const COMMITTED: u64 = FAILED;
}

/// A leader commits; one caller waits; another begins to wait and gives up.
fn scenario<G: Gate>(cancel: fn(&G) -> bool) -> &'static str {
    let gate = G::new();
    let attempt = lead(&gate);
    let (caller, gave_up) = thread::scope(|threads| {
        let gives_up = spawn_in(threads, "quitter", || cancel(&gate));
        let caller = spawn_in(threads, "caller", || ensure(&gate));
        G::commit(attempt);
        (caller.join().unwrap(), gives_up.join().unwrap())
    });
    always("outcome-of-its-own", caller.is_some(), || {
        "the caller was told of a failure; none failed".to_owned()
    });
    sometimes("gave-up", gave_up);
    sometimes("in-time", !gave_up);
    if gave_up { "gave up" } else { "in time" }
}

/// Waits until a deadline, as a thread. Returns whether it passed first.
fn until_deadline(gate: &Shipped) -> bool {
    match gate.enter_blocking(&Deadline::after(Duration::from_secs(1))) {
        Ok(Turn::Connected(_)) => false,
        Ok(_) => unreachable!("the attempt succeeds and nobody invalidates it"),
        Err(_) => true,
    }
}

pub(super) fn model() -> Model {
    Model::new("gate_cancelled_waiter", "a waiter gives up in the moment in which it is woken")
        .incident("002")
        .lesson(include_str!("cancelled_waiter.md"))
        .always("no-lost-wakeup", "nobody is asleep with no one left to wake them")
        .always("outcome-of-its-own", "a caller gets the outcome of the attempt it waited for")
        .sometimes("gave-up", "a caller gives up before it hears how the attempt ended")
        .sometimes("in-time", "the same caller comes late enough, or is told early enough")
        .outcome("gave up", Grade::Acceptable, "a caller gives up before it hears how the attempt ended")
        .outcome("in time", Grade::Acceptable, "the same caller is told before it gives up, or comes when all is over")
        .variant(
            Variant::buggy("wakes_one", || scenario(Miniature::<WakesOne>::enter_and_cancel), &[(
                "no-lost-wakeup",
                Kind::LostWakeup,
            )])
            .about("a publisher wakes one waiter, which wakes the next: no stampede, and a chain that can break")
            .tune(EngineKind::Shuttle, |check| check.strategy(Strategy::Pct)),
        )
        .variant(
            Variant::fixed("wakes_all", || scenario(Miniature::<Sound>::enter_and_cancel))
                .about("the same miniature, whose publisher wakes all: shows that nothing else is wrong")
                .loom_bounded(2, 3, Some(4))
                .canary(),
        )
        .variant(
            Variant::fixed("epoch_gate", || scenario(Shipped::enter_and_cancel))
                .about("ConnectGate, a task that is dropped: an outcome is for everyone, there is nothing to pass on")
                .loom_bounded(2, 3, Some(4)),
        )
        .variant(
            Variant::fixed("epoch_gate_deadline", || scenario(until_deadline))
                .about("ConnectGate, a thread whose deadline passes: an outcome that is there already counts")
                .out_of_reach(EngineKind::Loom, "no-timeouts: a timed wait never times out in loom"),
        )
        .falsifier(
            "outcome-of-its-own",
            Kind::Assertion,
            || scenario(Miniature::<CommitsFailure>::enter_and_cancel),
            "an attempt that is committed is published as failed",
        )
}
