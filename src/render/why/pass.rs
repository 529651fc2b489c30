//! What would make it pass: a pair of steps the other way round or another answer of the environment, which has been tried;
//! a stronger ordering; nothing. Where none is known, how the nearest execution that passes differs, and no more.

use super::memory::{crossing_of, flag_of, two_sides};
use super::{Why, at, name, number, step, told};
use crate::check::event::Whim;
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
    if let Some(c) = crossing_of(t)
        && let Some(mend) = c.mend(t)
    {
        return (mend, c.steps());
    }
    match (t.flip, t.differs) {
        (Flip::Pair { held, until }, _) => flipped(t, why, held, until),
        (Flip::Answer { step, whim, instead }, _) => answered(t, why, step, whim, instead),
        _ if t.events.iter().any(|e| e.missed.is_some()) && flag_of(t).is_some() => unordered(t),
        (Flip::NoSingle { pairs, answers, all }, differs) => {
            let (nearest, steps) = nearest(t, differs);
            (format!("{}{nearest}.", none(pairs, answers, all)), steps)
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

/// An answer of the environment that has been tried.
fn answered(t: &Trace, why: &Why, i: usize, whim: Whim, instead: u32) -> (String, Vec<usize>) {
    let at = if why.decides { step(t, i) } else { told(t, i) };
    let but = match whim {
        Whim::Spurious => format!("without the spurious end of {at}"),
        Whim::TimedOut => format!("without the timeout of {at}"),
        Whim::Failed => format!("without the spurious failure of {at}"),
        Whim::Chosen(..) => format!("with {instead} chosen at {at}"),
    };
    (format!("{but} the property holds (tried); critical step: {}.", number(t, i)), vec![i])
}

/// The step that the environment decides, in a sentence.
pub(super) fn whim(t: &Trace) -> Option<Why> {
    let Flip::Answer { step: i, whim, .. } = t.flip else { return None };
    let said = match whim {
        Whim::Spurious => format!("the wait of {} ended by itself: nobody had woken it.", step(t, i)),
        Whim::TimedOut => format!("{} timed out.", step(t, i)),
        Whim::Failed => format!("{} failed although it found what it expected.", step(t, i)),
        Whim::Chosen(value, _) => format!("{} chose {value}.", step(t, i)),
    };
    Some(Why { decides: true, ..Why::default().say(said).steps(t, &[i]) })
}

/// Nothing that was tried makes it pass.
fn none(pairs: usize, answers: usize, all: bool) -> String {
    let other = match answers {
        0 => String::new(),
        1 => ", nor does another answer of the environment".to_owned(),
        n => format!(", nor does any of {n} other answers of the environment"),
    };
    match (pairs, all) {
        (0, true) => format!("there are no two steps that could come the other way round{other}"),
        (1, true) => {
            format!("the only pair of steps that could come the other way round does not make it pass{other}")
        }
        (n, true) => {
            format!("none of the {n} pairs of steps, put the other way round, makes it pass{other}")
        }
        (n, false) => format!(
            "of the first {n} pairs of steps that were tried, none, put the other way round, makes it pass{other}"
        ),
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
    let Some(flag) = flag_of(t) else {
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
            step(t, flag.first)
        ),
        vec![flag.write, flag.read, flag.first],
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::runner::trace::{TraceEvent, TraceThread};
    use crate::render::why::why;

    fn parked(flip: Flip) -> Trace {
        let name = "task".to_owned();
        let (op, text) = ("park".to_owned(), "park ends by itself (spurious)".to_owned());
        Trace {
            threads: vec![TraceThread {
                name,
                pending: None,
                wants: None,
                ended: false,
                note: String::new(),
            }],
            events: vec![TraceEvent { op, text, ..TraceEvent::default() }],
            flip,
            ..Trace::empty("p", Kind::Assertion)
        }
    }

    #[test]
    fn an_answer_that_decides_is_said_to_be_one() {
        let says = |whim, instead| why(&parked(Flip::Answer { step: 0, whim, instead }));
        let why = says(Whim::Spurious, 0);
        assert_eq!(
            why.pass,
            "without the spurious end of step 1 (task) the property holds (tried); critical step: 1."
        );
        assert_eq!(why.sentences, ["the wait of step 1 (task) ended by itself: nobody had woken it."]);
        for (whim, instead, but) in [
            (Whim::TimedOut, 0, "without the timeout of step 1"),
            (Whim::Failed, 0, "without the spurious failure of step 1"),
            (Whim::Chosen(1, 4), 3, "with 3 chosen at step 1"),
        ] {
            assert!(says(whim, instead).pass.starts_with(but), "{but}");
        }
    }

    #[test]
    fn what_was_tried_in_vain_is_counted_and_said_to_be_all_only_if_it_is() {
        for (pairs, answers, all, said) in [
            (40, 0, true, "none of the 40 pairs of steps, put the other way round, makes it pass."),
            (
                1,
                1,
                true,
                "the only pair of steps that could come the other way round does not make it pass, nor does another answer of the environment.",
            ),
            (
                40,
                3,
                false,
                "of the first 40 pairs of steps that were tried, none, put the other way round, makes it pass, nor does any of 3 other answers of the environment.",
            ),
            (0, 0, true, "there are no two steps that could come the other way round."),
        ] {
            let flip = Flip::NoSingle { pairs, answers, all };
            assert_eq!(why(&parked(flip)).pass, said);
        }
    }
}
