//! Threads and tasks wait in one queue for an attempt that fails.
//!
#![doc = include_str!("mixed_queue.md")]

use super::miniature::{Defect, Miniature, Sound};
use super::{Gate, Next, Shipped, lead};
use crate::spawn_in;
use selvedge::check::{Grade, Kind, Model, Variant, always, sometimes};
use selvedge::sync::thread;

struct LooksOnce;
impl Defect for LooksOnce {
    /// BUG: the attempt can end between the look at the word and the entry in the queue.
    const LOOK_AGAIN: bool = false;
}

struct WakeIsOutcome;
impl Defect for WakeIsOutcome {
    /// BUG: a wake says that the attempt is over, if it says that; not how it ended.
    const LOOK_AFTER: bool = false;
}

/// Is the caller told of the failure of attempt `failed`? Whoever comes after it leads, and succeeds.
fn told<G: Gate>(gate: &G, failed: G::Epoch, next: Next<G::Attempt<'_>, G::Epoch>) -> bool {
    match next {
        Next::Failed => true,
        Next::Connected(epoch) => {
            always("outcome-of-its-own", epoch != failed, || {
                "a caller was told that the attempt it waited for succeeded; that attempt fails".to_owned()
            });
            false
        }
        Next::Lead(attempt) => {
            // Somebody waited for this attempt too, so there is somebody to look for when it ends.
            gate.enter_and_cancel();
            G::commit(attempt);
            false
        }
    }
}

/// A leader fails; a thread and a task are there, or come afterwards.
fn scenario<G: Gate>() -> &'static str {
    let gate = G::new();
    let attempt = lead(&gate);
    let failed = G::epoch(&attempt);
    let (told_thread, told_task) = thread::scope(|threads| {
        let on_thread = spawn_in(threads, "thread", || told(&gate, failed, gate.enter()));
        let on_task = spawn_in(threads, "task", || told(&gate, failed, gate.enter_as_task().0));
        G::fail(attempt);
        (on_thread.join().unwrap(), on_task.join().unwrap())
    });
    sometimes("both-told", told_thread && told_task);
    sometimes("neither-told", !told_thread && !told_task);
    match u8::from(told_thread) + u8::from(told_task) {
        2 => "both told",
        1 => "one told",
        _ => "neither told",
    }
}

pub(super) fn model() -> Model {
    Model::new("gate_mixed_queue", "threads and tasks wait in one queue for an attempt that fails")
        .incident("002")
        .lesson(include_str!("mixed_queue.md"))
        .always("no-lost-wakeup", "nobody is asleep with no one left to wake them")
        .always("outcome-of-its-own", "a caller gets the outcome of the attempt it waited for")
        .sometimes("both-told", "the thread and the task both waited and both hear of the failure")
        .sometimes("neither-told", "both came when the attempt was over")
        .outcome(
            "both told",
            Grade::Acceptable,
            "the thread and the task waited, and both hear of the failure",
        )
        .outcome(
            "one told",
            Grade::Acceptable,
            "one of them waited, the other came when the attempt was over and leads the next",
        )
        .outcome("neither told", Grade::Acceptable, "neither hears of it: they came when the attempt was over, or look when the next one is under way")
        .variant(
            Variant::buggy(
                "looks_once",
                scenario::<Miniature<LooksOnce>>,
                &[("no-lost-wakeup", Kind::LostWakeup)],
            )
            .about("a caller looks at the word, then joins the queue"),
        )
        .variant(
            Variant::wrong_fix(
                "wake_is_outcome",
                scenario::<Miniature<WakeIsOutcome>>,
                &[("outcome-of-its-own", Kind::Assertion)],
            )
            .about("looks right because nobody is woken before the attempt is over; it may have failed, and a park ends by itself too")
            // Without a bound loom finds it in execution 21,745.
            .loom_bounded(2, 2, Some(3)),
        )
        .variant(
            Variant::fixed("looks_again", scenario::<Miniature<Sound>>)
                .about(
                    "the same miniature, which looks again under the lock: shows that nothing else is wrong",
                )
                .loom_bounded(2, 2, Some(3))
                .canary(),
        )
        .variant(
            Variant::fixed("epoch_gate", scenario::<Shipped>)
                .about("ConnectGate: announces its waiters in the word that the publisher exchanges")
                .loom_bounded(2, 2, Some(3)),
        )
}
