//! Two callers find no connection at the same time; and a connection that has broken is repaired.
//!
#![doc = include_str!("two_leaders.md")]

use super::miniature::{Defect, Miniature, Sound};
use super::{Gate, Next, Shipped};
use crate::spawn;
use selvedge::check::{Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::sync::{Arc, Named, Ordering, UnsafeCell};

struct LoadThenStore;
impl Defect for LoadThenStore {
    /// BUG: both callers can see "idle" before either has written "attempting".
    const EXCHANGE: bool = false;
}

struct RelaxedInvalidate;
impl Defect for RelaxedInvalidate {
    /// BUG: the next leader is not ordered after the user that reported the break.
    const INVALIDATE: Ordering = Ordering::Relaxed;
}

struct IdleIsUp;
impl Defect for IdleIsUp {
    const LEADS_WHEN_IDLE: bool = false;
}

/// The shared half of a connection: plain data, read by its users, and written by the leader who replaces it.
struct Line(UnsafeCell<u32>);

// SAFETY: a user of a connection has finished with it when it reports it broken, and nobody leads before that: which
// is what the model checks, and is false for `load_then_store` and `relaxed_invalidate`.
unsafe impl Sync for Line {}

impl Line {
    fn read(&self) -> u32 {
        note(|| "uses it".to_owned());
        // SAFETY: as above.
        self.0.with(|line| unsafe { *line })
    }

    fn replace(&self) {
        note(|| "makes it".to_owned());
        self.0.with_mut(|line| {
            // SAFETY: as above; the checker reports a race before memory is touched.
            unsafe { *line += 1 }
        });
    }
}

/// Connects if nobody else does, uses the connection, and reports it broken. Returns whether it led.
fn use_once<G: Gate>(gate: &G, line: &Line) -> bool {
    let Next::Lead(mut attempt) = gate.enter() else {
        always("sees-the-connection", line.read() > 0, || "connected, and the line is not there".to_owned());
        return false;
    };
    G::work(&mut attempt);
    line.replace();
    let epoch = G::commit(attempt);
    line.read();
    gate.invalidate(epoch);
    true
}

fn scenario<G: Gate>() -> &'static str {
    let gate = Arc::new(G::new());
    let line = Arc::new(Line(UnsafeCell::new(0).named("line")));
    let other = {
        let (gate, line) = (gate.clone(), line.clone());
        spawn("caller", move || use_once(&*gate, &line))
    };
    let mine = use_once(&*gate, &line);
    let both = other.join().unwrap() && mine;
    sometimes("led-in-turn", both);
    sometimes("shared-one-flight", !both);
    if both { "led in turn" } else { "shared one flight" }
}

pub(super) fn model() -> Model {
    let race = &[("race-free", Kind::DataRace)];
    Model::new("gate_two_leaders", "two callers find no connection at the same time")
        .incident("002")
        .lesson(include_str!("two_leaders.md"))
        .always("race-free", "leaders touch the resource one after the other, and after its last user")
        .always("sees-the-connection", "who is told that there is a connection sees it")
        .sometimes("led-in-turn", "both lead, one after the other")
        .sometimes("shared-one-flight", "one of them gets the connection that the other made")
        .outcome("led in turn", Grade::Acceptable, "both lead, one after the other: the first connection is over when the second is made")
        .outcome("shared one flight", Grade::Acceptable, "one leads, and the other gets the connection that it made")
        .variant(
            Variant::buggy("load_then_store", scenario::<Miniature<LoadThenStore>>, race)
                .about("the lead is taken by a load and a store"),
        )
        .variant(
            Variant::wrong_fix("relaxed_invalidate", scenario::<Miniature<RelaxedInvalidate>>, race).about(
                "looks right because a report carries no data; but the next leader replaces what its user has used",
            ),
        )
        .variant(
            Variant::fixed("exchange", scenario::<Miniature<Sound>>)
                .about("the same miniature without the two defects: shows that nothing else is wrong")
                .canary(),
        )
        .variant(
            Variant::fixed("epoch_gate", scenario::<Shipped>).about("ConnectGate: one exchange decides who leads"),
        )
        .falsifier(
            "sees-the-connection",
            Kind::Assertion,
            scenario::<Miniature<IdleIsUp>>,
            "who finds no attempt under way takes it that there is a connection",
        )
}
