//! Properties, as scenarios state them: always, sometimes. Natively too, where no run is installed.

use super::engine::native;
use super::run::current;
use super::verdict::Kind;
use std::panic::Location;

/// The property `name` holds here. If not, the execution is a counterexample with kind `assertion`.
///
/// `detail` is evaluated only on failure; it is the line that people read.
#[track_caller]
pub fn always(name: &'static str, holds: bool, detail: impl FnOnce() -> String) {
    violated_unless(name, Kind::Assertion, holds, detail);
}

/// [`always`] with a kind other than `assertion`, such as [`Kind::DoubleCompletion`].
#[track_caller]
pub fn violated_unless(name: &'static str, kind: Kind, holds: bool, detail: impl FnOnce() -> String) {
    if holds {
        return;
    }
    let site = Location::caller();
    match current() {
        Some(run) => run.fail(Some(name), kind, detail(), vec![(run.me(), "violated here".to_owned(), site)]),
        None => {
            let detail = detail();
            if let Some(execution) = native::current() {
                execution.fail(Some(name), kind, detail.clone());
            }
            panic!("property {name} violated: {detail}")
        }
    }
}

/// Says in words what this thread is about to do: timelines show it at its next operation, where the operation alone
/// (`lock table`) does not say what it is for.
///
/// No operation and no point of scheduling. `text` is evaluated only where an execution may be shown; it must not itself
/// use the facade, and if it panics the note says so and the model goes on.
pub fn note(text: impl FnOnce() -> String) {
    if let Some(run) = current() {
        run.say(text);
    }
}

/// The situation `name` was seen (if `seen`). A search that explores all and never sees it reports the model vacuous, unless
/// the variant or the check declares that it [never sees](crate::check::Variant::never_sees) it.
pub fn sometimes(name: &'static str, seen: bool) {
    if !seen {
        return;
    }
    if let Some(run) = current() {
        let mut s = run.state();
        if !s.seen.contains(&name) {
            s.seen.push(name);
        }
    } else if let Some(execution) = native::current() {
        execution.sometimes(name);
    }
}
