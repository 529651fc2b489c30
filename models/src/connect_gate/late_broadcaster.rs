//! A leader has published its attempt and not woken anybody yet; meanwhile the next attempt begins and has a waiter.
//!
#![doc = include_str!("late_broadcaster.md")]

use super::miniature::{Defect, Miniature, Sound};
use super::{Gate, Next, Shipped, lead};
use crate::spawn_in;
use selvedge::check::{EngineKind, Grade, Kind, Model, Strategy, Variant, always, note, sometimes};
use selvedge::sync::{AtomicBool, Named, Ordering, thread};

/// The naive gate.
struct DrainsAll;
impl Defect for DrainsAll {
    /// BUG: whoever is in the queue by now may wait for the next attempt; its registration is used up for this one.
    const OWN_EPOCH: bool = false;
}

struct WakeIsOutcome;
impl Defect for WakeIsOutcome {
    /// BUG: as before; the wake of another attempt is now taken for the outcome of one's own, and nobody sleeps for ever.
    const OWN_EPOCH: bool = false;
    const LOOK_AFTER: bool = false;
}

/// The second attempt is over. Written by its leader before it commits, read by whoever is told so: Relaxed, because
/// the gate orders them, which is checked.
type Over = AtomicBool;

/// Enters, and leads the second attempt if that is what it takes.
fn ensure<G: Gate>(gate: &G, over: &Over) -> Option<G::Epoch> {
    match gate.enter() {
        Next::Connected(epoch) => Some(epoch),
        Next::Lead(attempt) => {
            note(|| "its attempt is over".to_owned());
            over.store(true, Ordering::Relaxed);
            Some(G::commit(attempt))
        }
        Next::Failed => None,
    }
}

/// The leader of attempt 1 commits; a user waits for it and gives up, finds connection 1 broken, if it is there by then,
/// and ensures another; a caller comes along.
fn scenario<G: Gate>() -> &'static str {
    let gate = G::new();
    let over = Over::new(false).named("second attempt over");
    let first = lead(&gate);
    let broken = G::epoch(&first);
    thread::scope(|threads| {
        spawn_in(threads, "leader", || G::commit(first));
        spawn_in(threads, "caller", || {
            let told = ensure(&gate, &over);
            always("outcome-of-its-own", told == Some(broken) || over.load(Ordering::Relaxed), || {
                "the caller was told that the second attempt succeeded; it is not over".to_owned()
            });
            sometimes("second-attempt", told != Some(broken));
        });
        // Somebody waited for attempt 1, so its leader has somebody to look for when it has published.
        gate.enter_and_cancel();
        if gate.invalidate(broken) {
            ensure(&gate, &over);
        }
    });
    "connected"
}

pub(super) fn model() -> Model {
    Model::new("gate_late_broadcaster", "a leader that is slow to wake its waiters meets those of the next attempt")
        .incident("002")
        .lesson(include_str!("late_broadcaster.md"))
        .always("no-lost-wakeup", "nobody is asleep with no one left to wake them")
        .always("outcome-of-its-own", "a caller gets the outcome of the attempt it waited for")
        .sometimes("second-attempt", "the caller gets the connection of the second attempt")
        .outcome("connected", Grade::Acceptable, "every caller has a connection, of the first attempt or of the second")
        .variant(
            Variant::buggy("naive_gate", scenario::<Miniature<DrainsAll>>, &[("no-lost-wakeup", Kind::LostWakeup)])
                .about("registers once and parks; a publisher wakes whoever is in the queue")
                .loom_bounded(4, 4, Some(4))
                .tune(EngineKind::Shuttle, |check| check.strategy(Strategy::Urw).executions(20_000, 20_000, 20_000)),
        )
        .variant(
            Variant::wrong_fix("wake_is_outcome", scenario::<Miniature<WakeIsOutcome>>, &[(
                "outcome-of-its-own",
                Kind::Assertion,
            )])
            .about("looks right because whoever is woken goes on, so that nobody is left asleep; it goes on too early")
            .loom_bounded(4, 4, Some(4))
            // Found in about one of 2,000 random schedules; quick, for it stops there.
            .tune(EngineKind::Shuttle, |check| check.executions(50_000, 50_000, 400_000)),
        )
        .variant(
            Variant::fixed("own_epoch", scenario::<Miniature<Sound>>)
                .about("the same miniature, with waiters that are tagged by their epoch: shows that nothing else is wrong")
                .loom_bounded(2, 3, Some(4))
                .canary(),
        )
        .variant(
            Variant::fixed("epoch_gate", scenario::<Shipped>)
                .about("ConnectGate: a publisher completes the waiters of its own epoch")
                .loom_bounded(2, 3, Some(4)),
        )
}
