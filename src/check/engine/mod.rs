//! The one interface behind which every engine sits.
//!
//! Facade types in checked form hold no engine objects: they hold an [`ObjectId`] and announce an [`Op`] for
//! everything they do. An engine keeps its own table of objects for the execution at hand and answers each
//! operation when it is done. Everything that an engine may do between announcement and answer - switch
//! threads, block, choose what a load reads, abandon the execution - is its own business.
//!
//! * Within one execution all model threads run on one OS thread as coroutines; [`Engine::perform`] is called on
//!   the stack of the acting thread.
//! * An engine that re-executes (exact) may call the scenario any number of times and in any linear extension of
//!   its order; it relies on structural names and on values being live in the program, never stored.
//! * `native` is not behind this interface: there the facade holds the production objects themselves.

use super::event::{Answer, ObjectId, ObjectKind, Op, ThreadId};
use super::model::{Discipline, Memory, Outcome, Scenario, Strategy};
use super::progress::Digest;
use super::run::{Execution, Failure, Run};
use super::verdict::{Kind, Verdict};
use spent::Spent;
use std::collections::BTreeMap;
use std::panic::Location;

pub mod exact;
pub mod loom;
pub mod native;
pub mod shuttle;
pub mod spent;
pub mod stuck;

/// What an engine does for the facade.
pub trait Engine {
    /// A shared object now exists. `init` is the initial value of an atomic, the initial count of an `Arc`.
    /// Not a scheduling point.
    fn created(&self, me: ThreadId, obj: ObjectId, kind: ObjectKind, init: u64);

    /// Performs `op` for `me`. May run other threads before it returns.
    ///
    /// Operations are *inert* while the execution is being abandoned (a thread unwinds): they return at once
    /// with any value that keeps destructors going, and never block.
    fn perform(&self, me: ThreadId, op: &Op, site: &'static Location<'static>) -> Answer;

    /// Starts `child` on `body`. `body` never unwinds: the facade catches panics and reports them to the run.
    fn spawn(&self, me: ThreadId, child: ThreadId, body: Box<dyn FnOnce()>);

    /// The id of the `nth` child of `parent`, for an engine that re-executes in another order than it first ran;
    /// `None` for the next free one.
    fn thread_id(&self, parent: ThreadId, nth: u32) -> Option<ThreadId> {
        let _ = (parent, nth);
        None
    }

    /// `me` enters a loop that only waits for a condition (`hint::spin_until`): what it reads from here to the
    /// next `Yield` is one evaluation of the condition.
    fn spin_begin(&self, me: ThreadId) {
        let _ = me;
    }

    /// The condition holds: the loop is over.
    fn spin_end(&self, me: ThreadId) {
        let _ = me;
    }

    /// `me` goes round a loop, and everything that it carries from turn to turn is in this fingerprint.
    fn declared(&self, me: ThreadId, fingerprint: Digest) {
        let _ = (me, fingerprint);
    }

    /// `me` is about to mask interrupts ([`masked`](super::discipline::masked)): the last moment at which one can still
    /// arrive before the section. Unmasking needs no such moment: what `me` does next has one of its own.
    ///
    /// May run other threads before it returns.
    fn masks(&self, me: ThreadId) {
        let _ = me;
    }

    /// May a payload that is neither a panic's text nor ours be the engine's own, on its way to the engine?
    fn unwinds_with_its_own(&self) -> bool {
        true
    }

    /// `me` is about to drop its reference to `obj` and will see whether it was the last.
    fn arc_observed(&self, me: ThreadId, obj: ObjectId) {
        let _ = (me, obj);
    }

    /// The failure that follows is the use of memory that `by` has freed.
    fn uses_freed(&self, by: ThreadId) {
        let _ = by;
    }

    /// `me` asks which thread it is, or reaches for what only that thread has: no operation, but it shows where a
    /// destructor runs.
    fn asks_who(&self, me: ThreadId) {
        let _ = me;
    }

    /// `me`, which holds `mutex`, borrows what it guards mutably.
    fn borrowed(&self, me: ThreadId, mutex: ObjectId) {
        let _ = (me, mutex);
    }

    /// The destructor that the last `ArcDrop` of `obj` called for has returned.
    fn arc_destroyed(&self, me: ThreadId, obj: ObjectId) {
        let _ = (me, obj);
    }

    /// The choices made so far in the execution at hand, in the engine's own terms: what `Failure::schedule`
    /// holds, for replay. Must not touch the run.
    fn schedule(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Is [`Engine::schedule`] less than this one? Asked after every execution.
    fn precedes(&self, other: &[u32]) -> bool {
        *self.schedule() < *other
    }

    /// What a panic of the engine itself means, by its message and where it was raised: a `found`, or a limit.
    /// `None` if the panic is the model's own. Must not touch the run.
    fn classify(&self, message: &str, at: Option<&Location<'_>>) -> Option<Verdict> {
        let _ = (message, at);
        None
    }

    /// Does this exploration switch at declared I/O and not at every step?
    fn switches_at_io(&self) -> bool {
        false
    }

    /// What to use instead, if this engine cannot perform such an operation at all: the verdict is then
    /// `out-of-reach` with this reason. Asked once per distinct kind of operation, before it is announced.
    fn refuses(&self, op: &Op) -> Option<&'static str> {
        let _ = op;
        None
    }
}

/// What one check is allowed to do, resolved for its budget.
///
/// Written over its default, which is bounded in every way: a field that is added later then has a sound value where
/// nobody has thought of it.
///
/// ```
/// # use selvedge::check::{Strategy, engine::Plan};
/// let plan = Plan { strategy: Strategy::Dfs, executions: 1_000_000, ..Plan::default() };
/// assert_eq!((plan.jobs, plan.preemptions), (1, None));
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    /// How shuttle chooses.
    pub strategy: Strategy,
    /// Seed of every random choice.
    pub seed: u64,
    /// Executions at most. An exhaustive engine that stops here is `engine-limit(executions)`.
    pub executions: u64,
    /// Steps (visible operations) at most in one execution.
    pub steps: u64,
    /// loom's preemption bound.
    pub preemptions: Option<u32>,
    /// The exact engine's memory model.
    pub memory: Memory,
    /// Reference counts are modelled.
    pub counted_arcs: bool,
    /// What the scheduler may do (shuttle).
    pub discipline: Discipline,
    /// Worker threads of the exact engine. Never changes a result.
    pub jobs: usize,
    /// Part (from 0) and number of parts of one exact search that is split over machines.
    pub shard: Option<(u32, u32)>,
}

impl Default for Plan {
    /// Random choices from seed 0, preemptive, RC11, unbounded preemptions, one thread, and limits that a small program
    /// does not meet and a large one soon does: 10,000 executions of at most 10,000 steps.
    fn default() -> Self {
        Plan {
            strategy: Strategy::Random,
            seed: 0,
            executions: 10_000,
            steps: 10_000,
            preemptions: None,
            memory: Memory::default(),
            counted_arcs: false,
            discipline: Discipline::default(),
            jobs: 1,
            shard: None,
        }
    }
}

/// How far a long search has come, now and then. Only for eyes: when it is told depends on the clock.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Progress {
    /// Complete executions so far.
    pub executions: u64,
    /// Executions in all, estimated by random walks (Knuth, *Estimating the Efficiency of Backtrack Programs*, Math.
    /// Comp. 29, 1975): unbiased, and often far too low, because it is very skewed.
    pub estimate: Option<f64>,
    /// Executions a second, from the beginning.
    pub rate: f64,
}

/// Told of the progress of long searches. Set by the worker.
pub static PROGRESS: std::sync::OnceLock<fn(Progress)> = std::sync::OnceLock::new();

/// What an engine found out.
#[derive(Debug)]
pub struct Exploration {
    /// Its conclusion.
    pub verdict: Verdict,
    /// Complete executions.
    pub executions: u64,
    /// Visible operations over all executions.
    pub steps: u64,
    /// The failing execution, if one was found.
    pub failure: Option<Box<Failure>>,
    /// Outcomes of complete executions, and how often each was seen.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// `sometimes` properties that were seen.
    pub seen: Vec<&'static str>,
    /// How else the executions came out, and how the outcomes come about.
    pub census: Census,
    /// What making the counterexample shorter took, where that was done.
    pub shortening: Option<Spent>,
}

/// What is known of the ways in which a model comes out, beyond the counts of its outcomes.
#[derive(Debug, Default)]
pub struct Census {
    /// Counts of executions and outcomes are of all executions; of one that ends in a violation up to there, under exact with
    /// what the other threads do then.
    pub whole: bool,
    /// Executions that end in a violation, by property.
    pub violations: BTreeMap<(String, Kind), u64>,
    /// An execution for each outcome.
    pub witnesses: BTreeMap<Outcome, Execution>,
}

impl Exploration {
    /// Nothing was explored, for this reason.
    pub(crate) fn nothing(why: impl Into<String>) -> Self {
        Exploration {
            verdict: Verdict::Inconclusive { why: why.into() },
            executions: 0,
            steps: 0,
            failure: None,
            outcomes: BTreeMap::new(),
            seen: Vec::new(),
            census: Census::default(),
            shortening: None,
        }
    }

    /// What `run` has recorded, with a verdict on it. Takes the tables out of the run, which stays for ever.
    pub(crate) fn of(run: &Run, verdict: Verdict, failure: Option<Box<Failure>>) -> Self {
        let mut s = run.state();
        s.events = Vec::new();
        s.objects = Vec::new();
        s.threads = Vec::new();
        let found = failure.as_ref().map(|f| ((f.property.clone(), f.kind), 1));
        let census = Census {
            whole: verdict == Verdict::Exhausted,
            violations: found.into_iter().collect(),
            witnesses: std::mem::take(&mut s.witnesses).into_iter().map(|(o, w)| (o, w.1)).collect(),
        };
        Exploration {
            verdict,
            executions: s.executions,
            steps: s.steps,
            failure,
            outcomes: std::mem::take(&mut s.outcomes),
            seen: std::mem::take(&mut s.seen),
            census,
            shortening: None,
        }
    }
}

/// An engine as the worker sees it.
pub type Explore = fn(&Scenario, &Plan) -> Exploration;
