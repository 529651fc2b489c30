//! One try: the failing log, run again but for one thing, and whether what comes of it may be claimed.

use super::Effort;
use super::candidates::{Act, Candidate, NAMED, class, visible};
use crate::check::engine::shuttle::{self, Hold, Kept, Otherwise, Tail};
use crate::check::engine::{Exploration, Plan};
use crate::check::event::{Event, Op, ThreadId};
use crate::check::model::Scenario;
use crate::check::run::{Execution, Failure, Until};
use crate::check::verdict::Verdict;
use crate::check::worker::shrink::{Last, logged, once, same_failure};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

/// Tries on one scenario.
pub(super) struct Trial {
    /// Leaves its last complete execution in `last`.
    scenario: Scenario,
    plan: Plan,
    last: Last,
    effort: Cell<Effort>,
}

impl Trial {
    pub fn new(scenario: &Scenario, plan: &Plan) -> Trial {
        let last = Last::default();
        Trial { scenario: logged(scenario, &last), plan: once(plan), last, effort: Cell::default() }
    }

    /// What has been done so far.
    pub fn effort(&self) -> Effort {
        self.effort.get()
    }

    fn run(&self, failure: &Failure, otherwise: Otherwise, tail: Tail) -> Option<(Exploration, Kept)> {
        let run = || shuttle::guided(&self.scenario, &self.plan, failure, otherwise, tail);
        let ran = catch_unwind(AssertUnwindSafe(run)).ok();
        let Effort { runs, steps } = self.effort.get();
        let took = ran.as_ref().map_or(0, |(e, _)| e.steps);
        self.effort.set(Effort { runs: runs + 1, steps: steps + took });
        ran
    }

    /// Does the log, followed, fail as it did?
    pub fn fails_the_same(&self, failure: &Failure) -> bool {
        self.run(failure, Otherwise::Same, Tail::default())
            .and_then(|(e, _)| same_failure(failure, e))
            .is_some()
    }

    /// The same with the earliest step that does as well: those between have come first with it, and may have been what
    /// mattered.
    pub fn as_early(
        &self,
        f: &Failure,
        c: Candidate,
        tail: Tail,
        passing: Execution,
    ) -> (Candidate, Execution) {
        let Candidate::Pair { held, until: Until::Step(last) } = c else { return (c, passing) };
        let telling = |i: usize| class(f, held, &Act::done(f, i)) == NAMED;
        if tail.at_once || !telling(last) {
            return (c, passing);
        }
        let others = (held + 1..last).filter(|&i| f.events[i].thread != f.events[held].thread);
        let mut earlier = others
            .filter(|&i| visible(&f.events[i]) && telling(i))
            .map(|i| Candidate::Pair { held, until: Until::Step(i) });
        let found = earlier.find_map(|c| Some((c, self.passes(f, c, tail)?)));
        found.unwrap_or((c, passing))
    }

    /// The execution, if it is complete, nothing is violated in it, and it differs as it was to differ: the thread was held
    /// back to the end, and what it waited for was done and not something else; the environment did answer otherwise.
    pub fn passes(&self, failure: &Failure, c: Candidate, tail: Tail) -> Option<Execution> {
        let take = || self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        take();
        let otherwise = match c {
            Candidate::Pair { held, until } => Otherwise::Held(hold(failure, held, until)),
            Candidate::Answer { step, instead, .. } => Otherwise::Answered(step, instead),
        };
        let (e, kept) = self.run(failure, otherwise, tail)?;
        let complete = matches!(e.verdict, Verdict::NotFound { .. }) && e.executions == 1;
        let passed = e.failure.is_none() && complete && kept.met && !kept.broken;
        let passing = take().filter(|_| passed)?;
        let differs = match (c, otherwise) {
            (Candidate::Answer { step, whim, instead }, _) => {
                let there = done(&passing, failure.events[step].thread, nth(failure, step))?;
                alike(&there.op, &failure.events[step].op)
                    && there.op.whim(there.answer) == whim.otherwise(instead)
            }
            (_, Otherwise::Held(Hold { until: Some((other, nth)), .. })) => {
                follows(failure, &passing, other, nth)
            }
            _ => true,
        };
        differs.then_some(passing)
    }
}

/// Is the thread's `nth` operation there what it is in the log? What it was about to do counts.
fn follows(f: &Failure, passing: &Execution, thread: ThreadId, nth: usize) -> bool {
    let pending = f.threads[thread.0 as usize].pending.map(|(op, _)| op);
    let here = f.events.iter().filter(|e| e.thread == thread).map(|e| e.op).chain(pending).nth(nth);
    let there = done(passing, thread, nth);
    there.is_some_and(|there| here.is_none_or(|here| alike(&there.op, &here)))
}

fn hold(f: &Failure, held: usize, until: Until) -> Hold {
    let until = match until {
        Until::Step(i) => Some((f.events[i].thread, nth(f, i))),
        Until::Next(t) => Some((ThreadId(t), f.events.iter().filter(|e| e.thread.0 == t).count())),
        Until::Rest => None,
    };
    Hold { thread: f.events[held].thread, nth: nth(f, held), until }
}

/// Which of its thread's operations a step is, from 0.
fn nth(f: &Failure, step: usize) -> usize {
    f.events[..step].iter().filter(|e| e.thread == f.events[step].thread).count()
}

fn done(passing: &Execution, thread: ThreadId, nth: usize) -> Option<&Event> {
    passing.events.iter().filter(|e| e.thread == thread).nth(nth)
}

/// The same kind of operation, on the same object.
fn alike(a: &Op, b: &Op) -> bool {
    a.code() == b.code() && a.object() == b.object()
}
