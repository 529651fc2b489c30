//! Threads and tasks wait in one queue for an attempt that fails.
//!
#![doc = include_str!("mixed_queue.md")]

use super::miniature::{Defect, Miniature, Sound};
use super::{Gate, Next, Shipped, lead};
use selvedge::check::{Kind, Model, Variant, always, sometimes};
use selvedge::sync::thread;

struct LooksOnce;
impl Defect for LooksOnce {
    /// BUG: the attempt can end between the look at the word and the entry in the queue.
    const LOOK_AGAIN: bool = false;
}

/// Who is told of the failure; whoever comes after it leads, and succeeds.
fn told<G: Gate>(next: Next<G::Attempt<'_>, G::Epoch>) -> bool {
    match next {
        Next::Failed => true,
        Next::Connected(_) => false,
        Next::Lead(attempt) => {
            G::commit(attempt);
            false
        }
    }
}

/// A leader fails; a thread and a task are there, or come afterwards.
fn scenario<G: Gate>() -> &'static str {
    let gate = G::new();
    let attempt = lead(&gate);
    let (told_thread, told_task) = thread::scope(|threads| {
        let on_thread = threads.spawn(|| told::<G>(gate.enter()));
        let on_task = threads.spawn(|| told::<G>(gate.enter_as_task().0));
        G::fail(attempt);
        (on_thread.join().unwrap(), on_task.join().unwrap())
    });
    sometimes("both-told", told_thread && told_task);
    sometimes("neither-told", !told_thread && !told_task);
    // Nobody is told who was not there; and if nobody led again, both were.
    let led_again = matches!(gate.enter(), Next::Connected(_));
    always("told-or-led", led_again || told_thread && told_task, || {
        "a caller was neither told of the failure nor given the lead".to_owned()
    });
    "done"
}

pub(super) fn model() -> Model {
    Model::new("gate_mixed_queue", "threads and tasks wait in one queue for an attempt that fails")
        .incident("002")
        .lesson(include_str!("mixed_queue.md"))
        .always("no-lost-wakeup", "nobody is asleep with no one left to wake them")
        .always("told-or-led", "every caller is told of the failure, or finds it over and leads or follows")
        .sometimes("both-told", "the thread and the task both waited and both hear of the failure")
        .sometimes("neither-told", "both came when the attempt was over")
        .variant(
            Variant::buggy(
                "looks_once",
                scenario::<Miniature<LooksOnce>>,
                &[("no-lost-wakeup", Kind::LostWakeup)],
            )
            .about("a caller looks at the word, then joins the queue"),
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
