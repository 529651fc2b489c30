//! Which order of steps decides: for a failing execution of any engine, the two steps that need only come the other way
//! round for the property to hold; or the one answer of the environment that need only be another.
//!
//! Nothing is guessed. The failing log is run again under shuttle's kernel (`trial.rs`), first as it is (it must fail in
//! the same way), then with one thread held back before one of its steps until another has done one of its own, or with
//! one wait that does not end by itself; what is claimed is what has passed. Which of them are tried, and in which order,
//! is in `candidates.rs`. What comes after the failure has no order to follow; there each thread goes first in turn.
//!
//! Work is counted in executions and in their steps, never in seconds: the same seed gives the same words.
//!
//! After hermit's analysis of schedules (Meta), which ends in one adjacent pair of events, and delta debugging of
//! schedules (Choi and Zeller, 2002).

mod candidates;
#[cfg(test)]
mod tests;
mod trial;

use crate::check::engine::Plan;
use crate::check::engine::shuttle::Tail;
use crate::check::event::ThreadId;
use crate::check::model::Scenario;
use crate::check::run::{Failure, Flip, Until};
use candidates::{Candidate, candidates, misled, visible};
use trial::Trial;

/// Executions at most, for one counterexample, and steps over all of them: 2 s on one core or so. Over the catalogue one
/// search comes that far; the longest of the others takes 50,000 steps.
const RUNS: usize = 3_000;
const STEPS: u64 = 500_000;
/// Longer logs are left alone: they are not read step by step.
const LONGEST: usize = 400;

/// What a search has cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effort {
    /// Executions.
    pub runs: usize,
    /// Operations, over all executions.
    pub steps: u64,
}

impl Effort {
    fn is_spent(self) -> bool {
        self.runs >= RUNS || self.steps >= STEPS
    }
}

/// Looks for what decides, and leaves it and the execution that passes in `failure`.
pub fn decide(scenario: &Scenario, plan: &Plan, failure: &mut Failure) -> Effort {
    if failure.events.is_empty() || failure.events.len() > LONGEST {
        return Effort::default();
    }
    let t = Trial::new(scenario, plan);
    if t.fails_the_same(failure) {
        failure.flip = search(&t, failure);
    } else {
        failure.flip = Flip::Unordered;
    }
    t.effort()
}

fn search(t: &Trial, failure: &mut Failure) -> Flip {
    let (mut pairs, mut answers) = (0, 0);
    for c in candidates(failure) {
        for tail in tails(failure, c) {
            if t.effort().is_spent() {
                return Flip::NoSingle { pairs, answers, all: false };
            }
            let Some(passing) = t.passes(failure, c, tail) else { continue };
            // That a thread comes first which then does nothing is no cause.
            let idle = |t: u8| !passing.events.iter().any(|e| e.thread.0 == t && visible(e));
            if matches!(c, Candidate::Pair { until: Until::Next(t), .. } if idle(t)) {
                continue;
            }
            let (c, passing) = t.as_early(failure, c, tail, passing);
            failure.passing = Some(Box::new(passing));
            return c.flip();
        }
        match c {
            Candidate::Pair { .. } => pairs += 1,
            Candidate::Answer { .. } => answers += 1,
        }
    }
    Flip::NoSingle { pairs, answers, all: true }
}

/// Who goes first where the log has ended: whoever runs already, or each thread in turn; but where a thread that had not
/// begun is to come first, that thread, for else the others are done by then, and it is them that mattered.
///
/// And where the thread that fails is to read before the other writes, it may go on at once: else the other writes next,
/// and leads it astray with its next read.
fn tails(failure: &Failure, c: Candidate) -> Vec<Tail> {
    let first = |t| Tail { first: Some(t), at_once: false };
    match c {
        Candidate::Pair { until: Until::Next(t), .. } if !failure.events.iter().any(|e| e.thread.0 == t) => {
            vec![first(ThreadId(t))]
        }
        _ => {
            let each = (0..failure.threads.len() as u8).map(|t| first(ThreadId(t)));
            let mut tails: Vec<Tail> = std::iter::once(Tail::default()).chain(each).collect();
            if let Candidate::Pair { held, until: Until::Step(i) } = c
                && misled(failure, held, i)
            {
                tails.push(Tail { first: Some(failure.events[i].thread), at_once: true });
            }
            tails
        }
    }
}

/// Does what `failure` names still make it pass? Runs it again, for tests of what is printed.
pub fn holds(scenario: &Scenario, plan: &Plan, failure: &Failure) -> bool {
    let Some(c) = Candidate::of(failure.flip) else { return false };
    let t = Trial::new(scenario, plan);
    t.fails_the_same(failure)
        && tails(failure, c).into_iter().any(|tail| t.passes(failure, c, tail).is_some())
}
