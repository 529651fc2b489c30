//! One try: the failing log, run again but for one thing, and whether what comes of it may be claimed.

use super::Effort;
use super::candidates::{Act, Candidate, class, visible};
use crate::check::engine::shuttle::{self, Hold, Kept, Otherwise};
use crate::check::engine::{Exploration, Plan};
use crate::check::event::{Event, Op, ThreadId, Whim};
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

    fn run(
        &self,
        failure: &Failure,
        otherwise: Otherwise,
        tail: Option<ThreadId>,
    ) -> Option<(Exploration, Kept)> {
        let run = || shuttle::guided(&self.scenario, &self.plan, failure, otherwise, tail);
        let ran = catch_unwind(AssertUnwindSafe(run)).ok();
        let Effort { runs, steps } = self.effort.get();
        let took = ran.as_ref().map_or(0, |(e, _)| e.steps);
        self.effort.set(Effort { runs: runs + 1, steps: steps + took });
        ran
    }

    /// Does the log, followed, fail as it did?
    pub fn fails_the_same(&self, failure: &Failure) -> bool {
        self.run(failure, Otherwise::Same, None).and_then(|(e, _)| same_failure(failure, e)).is_some()
    }

    /// The same with the earliest step that does as well: those between have come first with it, and may have been what
    /// mattered.
    pub fn as_early(
        &self,
        f: &Failure,
        c: Candidate,
        tail: Option<ThreadId>,
        passing: Execution,
    ) -> (Candidate, Execution) {
        let Candidate::Pair { held, until: Until::Step(last) } = c else { return (c, passing) };
        if class(f, held, &Act::done(f, last)) != 1 {
            return (c, passing);
        }
        let others = (held + 1..last).filter(|&i| f.events[i].thread != f.events[held].thread);
        let telling = others.filter(|&i| visible(&f.events[i]) && class(f, held, &Act::done(f, i)) == 1);
        let mut earlier = telling.map(|i| Candidate::Pair { held, until: Until::Step(i) });
        let found = earlier.find_map(|c| Some((c, self.passes(f, c, tail)?)));
        found.unwrap_or((c, passing))
    }

    /// The execution, if it is complete, nothing is violated in it, and it differs as it was to differ: the thread was held
    /// back to the end, and what it waited for was done and not something else; the environment did answer otherwise.
    pub fn passes(&self, failure: &Failure, c: Candidate, tail: Option<ThreadId>) -> Option<Execution> {
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
                let nth = nth(failure, step);
                let there = done(&passing, failure.events[step].thread, nth)?;
                let whim = match whim {
                    Whim::Chosen(_, n) => Some(Whim::Chosen(instead, n)),
                    _ => None,
                };
                alike(&there.op, &failure.events[step].op) && there.op.whim(there.answer) == whim
            }
            (Candidate::Pair { until, .. }, Otherwise::Held(Hold { until: Some((other, nth)), .. })) => {
                match awaited(failure, until) {
                    Some(op) => alike(&done(&passing, other, nth)?.op, &op),
                    None => true,
                }
            }
            _ => true,
        };
        differs.then_some(passing)
    }
}

/// What has to come first, if that is known.
fn awaited(f: &Failure, until: Until) -> Option<Op> {
    match until {
        Until::Step(i) => Some(f.events[i].op),
        Until::Next(t) => f.threads[usize::from(t)].pending.map(|(op, _)| op),
        Until::Rest => None,
    }
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
