//! How a failing execution differs from one nearby that passes, where no reordering of it has been seen to pass: the
//! first operation that both do and that is answered otherwise there, or the place where they part.
//!
//! After differential schedule projections (Machado, Lucia, Rodrigues, PLDI 2015): what the two executions share explains
//! nothing. That one of two steps decides is not said here: see `worker/critical.rs`, which tries it.

use super::trace::{Trace, TraceEvent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The difference, as indices into the failing log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Difference {
    /// The read sees what the other step has written.
    Reads {
        /// The read.
        read: usize,
        /// The write.
        write: usize,
    },
    /// The same operation comes out otherwise.
    Answer {
        /// Which.
        step: usize,
    },
    /// Where the failing execution does this step, another thread goes on.
    Parts {
        /// The step.
        step: usize,
        /// The other thread.
        thread: usize,
    },
}

impl Difference {
    /// The steps that it speaks of.
    pub fn steps(self) -> Vec<usize> {
        match self {
            Difference::Reads { read, write } => vec![write.min(read), write.max(read)],
            Difference::Answer { step } | Difference::Parts { step, .. } => vec![step],
        }
    }
}

/// Compares; `None` if the two do not differ.
pub fn difference(failing: &Trace, passing: &[TraceEvent]) -> Option<Difference> {
    let places = matched(failing, passing);
    // What is newer depends on the order alone, and is no answer.
    let answer = |e: &TraceEvent| e.text.split(", stale").next().unwrap_or_default().to_owned();
    let both = places.iter().enumerate().filter_map(|(i, p)| Some((i, (*p)?)));
    let other = both.into_iter().find(|(i, p)| answer(&passing[*p]) != answer(&failing.events[*i]));
    let Some((i, p)) = other else { return parts(failing, passing) };
    let source = passing[p].from.and_then(|w| places.iter().position(|q| *q == Some(w)));
    Some(match source.filter(|w| *w != i) {
        Some(write) => Difference::Reads { read: i, write },
        None => Difference::Answer { step: i },
    })
}

/// For each event of the failing execution its place in the passing one, if its thread did the same up to there.
fn matched(failing: &Trace, passing: &[TraceEvent]) -> Vec<Option<usize>> {
    let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, e) in passing.iter().enumerate() {
        places.entry(e.thread).or_default().push(i);
    }
    // How far each thread has come in the passing log; `None` once it has done something else there.
    let mut at: BTreeMap<usize, Option<usize>> = BTreeMap::new();
    let place = |e: &TraceEvent| {
        let n = at.entry(e.thread).or_insert(Some(0));
        let place = n.and_then(|n| places.get(&e.thread)?.get(n).copied());
        let same = place.filter(|p| (&passing[*p].op, &passing[*p].object) == (&e.op, &e.object));
        *n = same.and(*n).map(|n| n + 1);
        same
    };
    failing.events.iter().map(place).collect()
}

fn parts(failing: &Trace, passing: &[TraceEvent]) -> Option<Difference> {
    let same =
        |(a, b): &(&TraceEvent, &TraceEvent)| (a.thread, &a.op, &a.object) == (b.thread, &b.op, &b.object);
    let step = failing.events.iter().zip(passing).take_while(same).count();
    let (mine, theirs) = (failing.events.get(step)?, passing.get(step)?);
    (mine.thread != theirs.thread).then_some(Difference::Parts { step, thread: theirs.thread })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::verdict::Kind;

    fn event(thread: usize, op: &str, object: &str, text: &str) -> TraceEvent {
        TraceEvent {
            thread,
            op: op.to_owned(),
            object: Some(object.to_owned()),
            text: text.to_owned(),
            ..TraceEvent::default()
        }
    }

    fn failing(events: Vec<TraceEvent>) -> Trace {
        Trace { events, ..Trace::empty("p", Kind::Assertion) }
    }

    #[test]
    fn two_that_do_the_same_differ_in_nothing() {
        let (a, b) = (event(0, "load", "x", "load x -> 0"), event(1, "load", "x", "load x -> 0"));
        assert_eq!(difference(&failing(vec![a.clone(), b.clone()]), &[a.clone(), b.clone()]), None);
        assert_eq!(
            difference(&failing(vec![a.clone(), b.clone()]), &[b, a]),
            Some(Difference::Parts { step: 0, thread: 1 }),
            "only the place where they part is left"
        );
    }

    #[test]
    fn a_stale_read_would_have_seen_the_newer_write() {
        let set = event(1, "store", "x", "store x = 1 (rlx)");
        let stale =
            TraceEvent { missed: Some(0), ..event(0, "load", "x", "load x -> 0 (rlx), stale: 1 is newer") };
        let fresh = TraceEvent { from: Some(0), ..event(0, "load", "x", "load x -> 1 (rlx)") };
        let d = difference(&failing(vec![set.clone(), stale.clone()]), &[set.clone(), fresh]);
        assert_eq!(d, Some(Difference::Reads { read: 1, write: 0 }));
        // That it is not called stale there is no answer.
        let old = event(0, "load", "x", "load x -> 0 (rlx)");
        let d = difference(&failing(vec![set.clone(), stale]), &[old, set]);
        assert_eq!(d, Some(Difference::Parts { step: 0, thread: 0 }));
    }

    #[test]
    fn an_operation_may_come_out_otherwise() {
        let (failed, ok) = (event(0, "cas", "x", "CAS x 0->1 failed"), event(0, "cas", "x", "CAS x 0->1 ok"));
        assert_eq!(difference(&failing(vec![failed]), &[ok]), Some(Difference::Answer { step: 0 }));
    }
}
