//! One job: re-execute a graph, extend it until nothing can move, and say what became of it.

use super::exec::{Stop, Waits, Want};
use super::graph::{EventId, Graph, Kind};
use super::linear::{Tail, cut};
use super::locations::{Locations, Names};
use super::lower::Exact;
use super::search::Mode;
use crate::check::engine::Plan;
use crate::check::event::{MAIN, ThreadId};
use crate::check::model::{Outcome, Scenario};
use crate::check::quarantine::Window;
use crate::check::run::{Failure, Run};
use crate::check::unwind::execute;
use crate::check::verdict::Kind as Violation;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

/// What became of a job.
pub enum End {
    /// A complete execution, or a leaf that is none.
    Leaf {
        complete: bool,
    },
    /// One failure, or several if the search goes on after failures.
    Failed(Vec<Failing>),
    Stopped(Stop),
}

/// A failing execution.
pub struct Failing {
    pub failure: Box<Failure>,
    /// What of its graph the failure depends on.
    pub graph: Graph,
    /// What each thread does after its last event in the graph.
    pub tails: Vec<Tail>,
    /// Its reads that wait for a value.
    pub waiting: Vec<EventId>,
    /// With what the others did besides; `None` for failures of the whole execution and of two accesses, and where the
    /// search ends at the first failure.
    pub whole: Option<Box<Whole>>,
    /// The job that ran into it.
    pub path: Vec<u32>,
}

/// A failing execution with all that was done in it, also after the failure.
pub struct Whole {
    pub graph: Graph,
    /// What each thread does after its last event in the graph.
    pub tails: Vec<Tail>,
    /// The thread that fails after its last event.
    pub goal: usize,
}

/// Is it a failure of the whole execution, where nothing moves any more, and of no operation?
pub fn at_the_end(kind: Violation) -> bool {
    matches!(kind, Violation::Deadlock | Violation::LostWakeup | Violation::Livelock | Violation::Leak)
}

/// Is it a failure of two accesses, of which either may come first?
fn clashes(kind: Violation) -> bool {
    matches!(kind, Violation::DataRace | Violation::UseAfterFree)
}

/// An engine with its run: reused by one worker after another, because model objects may point to the run for
/// as long as the process lives.
struct Seat {
    exact: &'static Exact,
    run: &'static Run,
}

// SAFETY: a seat is taken by one worker at a time (`SEATS` hands it over under a lock), so nobody else is in its
// cells. Nothing in it belongs to an OS thread: between jobs its fibers are idle loops without locals, and the run
// is installed on a thread only while a job runs there.
unsafe impl Send for Seat {}

/// Seats that no worker sits in.
static SEATS: Mutex<Vec<Seat>> = Mutex::new(Vec::new());

fn seats() -> std::sync::MutexGuard<'static, Vec<Seat>> {
    SEATS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A worker in its seat.
pub struct Worker {
    pub exact: &'static Exact,
    pub run: &'static Run,
    scenario: Scenario,
    steps: u64,
    /// Does a complete execution count? Not in a share that another one has, and not in a walk.
    pub counts: bool,
    /// After a failure, let the other threads go on: their writes may lead to failures elsewhere.
    pub go_on: bool,
    /// What comes after a failure was not followed to its end.
    pub cut_short: Cell<bool>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        seats().push(Seat { exact: self.exact, run: self.run });
    }
}

impl Worker {
    pub fn new(scenario: Scenario, plan: &Plan, mode: &Mode, names: Names) -> Worker {
        let seat = seats().pop();
        let Seat { exact, run } = seat.unwrap_or_else(|| {
            let exact: &'static Exact = Box::leak(Box::default());
            Seat { exact, run: Run::leak(exact) }
        });
        let i = exact.inner();
        (i.run, i.words, i.counted) = (Some(run), mode.words, mode.counted);
        (i.capped, i.capped_spurious) = (false, false);
        i.patience.clone_from(&mode.patience);
        i.probed.clear();
        i.e.memory = plan.memory;
        let mut s = run.state();
        (s.executions, s.steps) = (0, 0);
        s.outcomes.clear();
        s.witnesses.clear();
        s.seen.clear();
        drop(s);
        run.keep_notes(false);
        // Of what came before in this seat.
        run.missed_notes();
        i.e.x.locations = Locations::new(names);
        Worker {
            exact,
            run,
            scenario,
            steps: plan.steps,
            counts: true,
            go_on: false,
            cut_short: Cell::new(false),
        }
    }

    /// The jobs found by the last one, with their paths. Push them on a stack: the last one comes first.
    pub fn children(&self, path: &[u32]) -> Vec<Graph> {
        let mut jobs = std::mem::take(&mut self.exact.inner().e.pushed);
        for (n, child) in jobs.iter_mut().enumerate() {
            child.path = [path, &[u32::MAX - n as u32]].concat();
        }
        jobs
    }

    /// Begins to execute `g`: its main thread exists, nothing has run.
    pub fn begin(&self, g: Graph) -> Rc<Cell<Option<Outcome>>> {
        self.run.begin_execution();
        Window::execution(self.run.epoch());
        self.exact.inner().begin(g, self.steps);
        let outcome: Rc<Cell<Option<Outcome>>> = Default::default();
        let (run, scenario, slot) = (self.run, self.scenario.clone(), outcome.clone());
        let body = Box::new(move || slot.set(execute(run, &scenario).ok()));
        self.exact.inner().e.x.add_thread(MAIN, body, None);
        outcome
    }

    /// Re-executes `g`, then extends it to a complete graph; alternatives are left to [`Worker::children`].
    pub fn run_job(&self, g: Graph) -> End {
        let _held_back = Window::open();
        let _installed = self.run.install();
        let outcome = self.begin(g);
        let mut failing = Vec::new();
        self.replay();
        while self.go_on && self.passed_over(&mut failing) {
            self.replay();
        }
        while self.advance().is_some() {
            if self.go_on {
                self.passed_over(&mut failing);
            }
        }
        self.finish(outcome, failing)
    }

    /// If the execution at hand has failed, takes note of that and lets the others go on, as if the thread that fails went no
    /// further: executions that do not fail may come of what they do.
    fn passed_over(&self, failing: &mut Vec<Failing>) -> bool {
        let Some(f) = self.failed().filter(|_| self.exact.inner().e.x.stop.is_none()) else { return false };
        let i = self.exact.inner();
        if let Some(t) = f.failure.thread {
            i.e.x.threads[t.0 as usize].want = Want::Blocked;
        }
        // What its destructors did not do nobody will miss: it stands where it is.
        i.inert = 0;
        failing.push(f);
        true
    }

    /// Lets the next thread go on, and says which; `None` if none can, or the job is over.
    pub(super) fn advance(&self) -> Option<usize> {
        if self.over() {
            return None;
        }
        let t = self.exact.inner().e.next_thread()?;
        let th = &mut self.exact.inner().e.x.threads[t];
        th.go = matches!(th.want, Want::Await { .. });
        self.exact.resume(t);
        Some(t)
    }

    /// The failure of the execution at hand, with its graph; the execution is no longer over.
    pub fn failed(&self) -> Option<Failing> {
        let failure = self.run.reopen()?;
        let i = self.exact.inner();
        let x = &i.e.x;
        let mut bound: Vec<usize> = x.threads.iter().map(|t| t.pc).collect();
        let standstill = at_the_end(failure.kind);
        let clash = clashes(failure.kind);
        if let (false, Some(t)) = (standstill, failure.thread) {
            let mut known = x.threads[t.0 as usize].porf;
            if let Some((o, at)) = i.conflict.take().filter(|c| c.1 > 0) {
                known.join(&x.info[o][at as usize - 1].porf);
            }
            bound.iter_mut().enumerate().for_each(|(t, b)| *b = (*b).min(known.get(t) as usize));
        }
        let graph = cut(&x.g, |t| bound.get(t).copied().unwrap_or(0));
        // Of two accesses that clash either may come first. Whether the thread of the first could go on then is not known
        // here, so leaving it is not counted: what is certified is a lower bound.
        let counted = |tail| if clash && tail == Tail::Runs { Tail::Stops } else { tail };
        let failing = failure.thread.filter(|_| !standstill);
        let tails = (0..bound.len()).map(|t| self.tail(t, bound[t], failing)).map(counted).collect();
        let waiting = x.reads.iter().flatten().copied().filter(|&r| x.info(r).read.update.waits()).collect();
        Some(Failing { failure, graph, tails, waiting, whole: None, path: x.g.path.clone() })
    }

    /// What `t` does after the first `bound` of its events.
    fn tail(&self, t: usize, bound: usize, failing: Option<ThreadId>) -> Tail {
        let x = &self.exact.inner().e.x;
        let th = &x.threads[t];
        let next = x.g.th[t].get(bound);
        match (next.map(|e| e.kind), th.want) {
            (Some(Kind::Lock), _) => Tail::Locks(next.map_or(0, |e| e.loc)),
            (Some(Kind::Join), _) => Tail::Stops,
            (Some(Kind::Read), _) if bound < th.pc => {
                let waits = x.info(EventId::new(t, bound)).read.update.waits();
                if waits { Tail::Stops } else { Tail::Runs }
            }
            (Some(_), _) => Tail::Runs,
            (None, Want::Lock(loc)) => Tail::Locks(loc),
            (None, Want::Go | Want::Half) => Tail::Runs,
            (None, _) if failing == Some(ThreadId(t as u8)) => Tail::Runs,
            (None, _) => Tail::Stops,
        }
    }

    /// All that has been done, also by those who went on after this failure of an operation.
    fn whole(&self, failure: &Failure) -> Option<Box<Whole>> {
        let x = &self.exact.inner().e.x;
        let of_all = at_the_end(failure.kind) || clashes(failure.kind);
        let goal = failure.thread.map(|t| t.0 as usize).filter(|&t| !of_all && x.threads[t].pc > 0)?;
        let done = |t: usize| x.threads.get(t).map_or(0, |t| t.pc);
        let tails = (0..x.threads.len()).map(|t| self.tail(t, done(t), failure.thread)).collect();
        Some(Box::new(Whole { graph: cut(&x.g, done), tails, goal }))
    }

    pub(super) fn over(&self) -> bool {
        self.run.over() || self.exact.inner().e.x.stop.is_some()
    }

    /// Topological re-execution of the stored structure, as far as nothing fails in it.
    pub(super) fn replay(&self) {
        loop {
            let mut moved = false;
            let mut t = 0;
            while t < self.exact.inner().e.x.threads.len() {
                let th = &mut self.exact.inner().e.x.threads[t];
                let before = th.pc;
                let starts = th.want == Want::Go && !std::mem::replace(&mut th.started, true);
                if (starts || th.want == Want::Source) && !self.over() {
                    self.exact.resume(t);
                    let th = &self.exact.inner().e.x.threads[t];
                    moved |= starts || th.pc != before || th.want == Want::Done;
                }
                t += 1;
            }
            if !moved || self.over() {
                break;
            }
        }
        if self.run.over() {
            return;
        }
        let x = &mut self.exact.inner().e.x;
        x.replaying = false;
        let gone =
            |t: usize| x.threads.get(t).is_none_or(|th| th.pc < x.g.th[t].len() && th.want != Want::Source);
        if (0..x.g.th.len()).any(|t| !x.g.th[t].is_empty() && gone(t)) {
            x.halt(Stop::Nondeterministic("an operation that was there is not done any more".into()));
        }
    }

    /// Nothing can move any more, or the job is over.
    fn finish(&self, outcome: Rc<Cell<Option<Outcome>>>, mut failing: Vec<Failing>) -> End {
        let i = self.exact.inner();
        if !failing.is_empty() {
            self.cut_short.set(self.cut_short.get() || i.e.x.stop.is_some());
            for f in &mut failing {
                f.whole = self.whole(&f.failure);
            }
            // What the others came to in the company of a failure is no execution of its own.
            if !self.over() {
                self.overtake_all();
            }
            self.exact.abandon();
            self.run.reopen();
            return End::Failed(failing);
        }
        let all_done = i.e.x.threads.iter().all(|t| t.want == Want::Done);
        if !self.over() && all_done {
            self.run.check_leaks();
            if let (false, Some(o)) = (self.run.over(), outcome.take()) {
                if self.counts {
                    self.run.end_execution(o);
                }
                return End::Leaf { complete: true };
            }
        }
        if !self.over() && !all_done {
            // First of all: a loop that gives up by itself is not stuck.
            self.probe_loops();
            if !self.over() {
                self.standstill();
            }
        }
        let failing = self.failed();
        self.exact.abandon();
        if let Some(f) = failing {
            return End::Failed(vec![f]);
        }
        let mut s = self.run.state();
        if let Some(v) = s.stopped.take() {
            return End::Stopped(Stop::Verdict(v));
        }
        drop(s);
        match self.exact.inner().e.x.stop.take() {
            Some(s) => End::Stopped(s),
            None => End::Leaf { complete: false },
        }
    }

    /// A loop whose round was the same as the one before was taken for a wait. One that counts such rounds is none.
    fn probe_loops(&self) {
        let n = self.exact.inner().e.x.threads.len();
        for t in 0..n {
            let th = &self.exact.inner().e.x.threads[t];
            if th.want == Want::Blocked && th.waits == Waits::Spin && self.exact.inner().e.x.stop.is_none() {
                self.exact.probe(t);
            }
        }
    }

    /// When nothing else can move, threads in front of a held mutex may still overtake its holder.
    pub(super) fn overtake_all(&self) {
        let i = self.exact.inner();
        for t in 0..i.e.x.threads.len() {
            if let Want::Lock(loc) = i.e.x.threads[t].want {
                i.e.overtake(t, loc);
            }
        }
    }
}
