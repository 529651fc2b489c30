//! What loom's own panics mean. loom reports everything by panicking; its words are matched here, and nowhere
//! else.

use crate::check::verdict::{Kind, Verdict};
use std::panic::Location;

/// What a panic with this message, raised at this place, means; `None` if it is the model's own.
///
/// `waits`: a thread waits on a condition variable or for its park token. `lifetime`: the cell that loom speaks of
/// is a tracked lifetime.
pub fn classify(message: &str, at: Option<&Location<'_>>, waits: bool, lifetime: bool) -> Option<Verdict> {
    let inside = at.is_some_and(|l| is_loom(l.file()));
    if message.starts_with("Causality violation: ")
        || inside && matches!(message, "currently writing to cell" | "currently reading from cell")
    {
        return Some(Verdict::found(None, if lifetime { Kind::UseAfterFree } else { Kind::DataRace }));
    }
    if message.starts_with("deadlock; threads = ") {
        return Some(Verdict::found(None, if waits { Kind::LostWakeup } else { Kind::Deadlock }));
    }
    if message.starts_with("Model exceeded maximum number of branches") {
        return Some(Verdict::EngineLimit { what: "branches".to_owned() });
    }
    if message.starts_with("Reached unexpected exploration state") {
        return Some(Verdict::Inconclusive {
            why: "non-deterministic: an execution met another state than the one before".to_owned(),
        });
    }
    // Whatever else loom asserts is about loom, not about the model.
    inside.then(|| Verdict::Inconclusive { why: format!("loom panicked: {message}") })
}

/// Is this a source file of loom's, as Cargo unpacks it?
fn is_loom(file: &str) -> bool {
    file.split(['/', '\\']).any(|part| part.starts_with("loom-0."))
}
