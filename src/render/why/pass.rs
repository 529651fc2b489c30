//! What would make it pass: a pair of steps the other way round, which has been tried; a stronger ordering; nothing. Where
//! neither is known, how the nearest execution that passes differs, and no more.

use super::memory::{flag_of, two_sides};
use super::{Why, at, name, number, step, told};
use crate::check::run::{Flip, Until};
use crate::check::runner::nearest::Difference;
use crate::check::runner::trace::Trace;
use crate::check::verdict::Kind;

/// `why` with its last line, and the steps that this one speaks of.
pub(super) fn complete(t: &Trace, mut why: Why) -> Why {
    let (sentence, steps) = sentence(t, &why);
    why.pass = sentence;
    why.steps.extend(steps.into_iter().filter(|i| *i < t.events.len()));
    why
}

fn sentence(t: &Trace, why: &Why) -> (String, Vec<usize>) {
    if let Some(n) = t.hopeless {
        let all = match n {
            1 => "the only execution violates".to_owned(),
            n => format!("every one of the {n} executions violates"),
        };
        return (format!("{all} a property: no order of steps is to blame."), Vec::new());
    }
    let flips = matches!(t.flip, Flip::Pair { .. });
    if t.kind == Kind::DataRace && !(why.by_order && flips) {
        return unordered(t);
    }
    match (t.flip, t.differs) {
        (Flip::Pair { held, until }, _) => flipped(t, why, held, until),
        _ if t.events.iter().any(|e| e.missed.is_some()) && flag_of(t).is_some() => unordered(t),
        (Flip::NoSingle, differs) => {
            let (nearest, steps) = nearest(t, differs);
            (
                format!(
                    "of the pairs of steps that were tried, none, put the other way round, makes it pass{nearest}."
                ),
                steps,
            )
        }
        (_, None) => ("no execution that passes is known nearby.".to_owned(), Vec::new()),
        (_, differs) => {
            let (nearest, steps) = nearest(t, differs);
            (format!("no pair of steps is known to decide{nearest}."), steps)
        }
    }
}

/// A pair that has been tried.
fn flipped(t: &Trace, why: &Why, held: usize, until: Until) -> (String, Vec<usize>) {
    match until {
        Until::Step(other) => {
            let pair = format!("critical pair: {} <-> {}.", number(t, held), number(t, other));
            let let_it = if why.decides {
                format!("let {} come before {}", step(t, other), step(t, held))
            } else {
                format!("let {} come before {}", told(t, other), told(t, held))
            };
            (format!("{let_it} and the property holds (tried); {pair}"), vec![held, other])
        }
        Until::Next(_) | Until::Rest => {
            let first = match until {
                Until::Next(thread) if why.decides && !began(t, thread.into()) => {
                    name(t, thread.into()).to_owned()
                }
                Until::Next(thread) => next(t, thread.into()),
                _ => "all that the others can do".to_owned(),
            };
            let first = first
                .strip_suffix(" had begun")
                .map_or(first.clone(), |who| format!("{who}, which has not begun,"));
            let held_step = if why.decides { step(t, held) } else { told(t, held) };
            let critical = format!("critical step: {}.", number(t, held));
            (
                format!("let {first} come before {held_step} and the property holds (tried); {critical}"),
                vec![held],
            )
        }
    }
}

fn began(t: &Trace, thread: usize) -> bool {
    t.events.iter().any(|e| e.thread == thread)
}

/// What a thread was about to do, or that it had not begun.
pub(super) fn next(t: &Trace, thread: usize) -> String {
    let who = name(t, thread);
    let wants = t.threads.get(thread).and_then(|x| x.pending.as_ref()).filter(|_| began(t, thread));
    match wants {
        Some(p) => format!("{who}'s `{}`", p.what.trim_end_matches(" begins")),
        None => format!("{who} had begun"),
    }
}

/// What orders the two accesses, or the write and the read that missed it.
fn unordered(t: &Trace) -> (String, Vec<usize>) {
    let sides = two_sides(t).map(|s| s.map(|s| at(t, s)));
    let Some((flag, first)) = flag_of(t) else {
        return (
            "what is missing is not an order of steps: the two need a lock around both, or a join or a release/acquire \
             pair between them."
                .to_owned(),
            Vec::new(),
        );
    };
    let second = match sides {
        Some([_, Some(b)]) => step(t, b),
        Some([_, None]) => format!("what {} does next", name(t, t.events[flag.read].thread)),
        None => "the read".to_owned(),
    };
    let mend = flag.mend(t);
    (
        format!(
            "{mend}, {} happens before {second}; what is missing is an ordering, not an order of steps.",
            step(t, first)
        ),
        vec![flag.write, flag.read, first],
    )
}

/// How the execution that passes differs; it is not this one with two steps the other way round.
fn nearest(t: &Trace, differs: Option<Difference>) -> (String, Vec<usize>) {
    let Some(d) = differs else { return (String::new(), Vec::new()) };
    let what = match d {
        Difference::Reads { read, write } => {
            format!("{} reads what {} wrote", told(t, read), told(t, write))
        }
        Difference::Answer { step: i } => format!("{} comes out otherwise", told(t, i)),
        Difference::Parts { step: i, thread } => {
            format!("{} goes on where this one does {}", name(t, thread), told(t, i))
        }
    };
    (format!("; in the nearest execution that passes {what}"), d.steps())
}
