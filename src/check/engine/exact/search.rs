//! The search: jobs, workers and results.
//!
//! Each worker keeps its jobs in a stack, newest first, so that memory stays polynomial; an idle worker takes the
//! oldest job of another, which is the largest. A job's path (positions among siblings) is its place in
//! depth-first order. What a worker does between two steals is one *chunk*: a contiguous range of that order. So
//! the least failure, and the counts up to it, are the same for any number of workers.

use super::exec::{Stop, Waits, Want};
use super::graph::{EventId, Graph};
use super::locations::{Locations, Names};
use super::lower::Exact;
use crate::check::engine::{Exploration, Plan};
use crate::check::event::{MAIN, ThreadId};
use crate::check::model::{Outcome, Scenario};
use crate::check::run::{Failure, Run};
use crate::check::unwind::execute;
use crate::check::verdict::{Kind as Violation, Verdict};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, PoisonError};

/// What became of a job.
enum End {
    /// A complete execution, or a leaf that is none.
    Leaf {
        complete: bool,
    },
    Failed(Box<Failure>),
    Stopped(Stop),
}

/// Counts over a contiguous range of the search.
#[derive(Default, Clone)]
struct Chunk {
    from: Vec<u32>,
    executions: u64,
    steps: u64,
}

#[derive(Default)]
struct Pool {
    jobs: Vec<Graph>,
    idle: usize,
    /// The least failing or stopping job so far.
    end: Option<(Vec<u32>, EndOf)>,
    executions: u64,
    chunks: Vec<Chunk>,
    outcomes: BTreeMap<Outcome, u64>,
    seen: Vec<&'static str>,
}

enum EndOf {
    Failed(Box<Failure>),
    Stopped(Stop),
    Executions,
}

struct Shared {
    pool: Mutex<Pool>,
    work: Condvar,
    workers: usize,
    /// Workers that wait for a job. Relaxed: a hint, looked at before the pool is locked.
    hungry: AtomicUsize,
    /// How often `Pool::end` has changed. Relaxed: a hint to look again.
    ends: AtomicU64,
}

/// Which approximations of the program's primitives the search must do without.
#[derive(Clone, Copy, Default)]
struct Mode {
    words: bool,
    counted: bool,
}

/// Explores every execution of `scenario`.
pub fn explore(scenario: &Scenario, plan: &Plan) -> Exploration {
    let mut mode = Mode { words: false, counted: plan.counted_arcs };
    loop {
        let pool = search(scenario, plan, mode);
        match &pool.end {
            Some((_, EndOf::Stopped(Stop::WordMutexes))) if !mode.words => mode.words = true,
            Some((_, EndOf::Stopped(Stop::CountedArcs))) if !mode.counted => mode.counted = true,
            _ => return conclude(pool, plan),
        }
    }
}

fn conclude(mut pool: Pool, plan: &Plan) -> Exploration {
    let end = pool.end.take();
    // Chunks are disjoint ranges: those that begin after the end do not count.
    let counted = pool.chunks.iter().filter(|c| end.as_ref().is_none_or(|(path, _)| c.from <= *path));
    let (executions, steps) = counted.fold((0, 0), |(e, s), c| (e + c.executions, s + c.steps));
    let mut x = Exploration {
        verdict: Verdict::Exhausted,
        executions,
        steps,
        failure: None,
        outcomes: BTreeMap::new(),
        seen: Vec::new(),
    };
    match end.map(|e| e.1) {
        None if executions > plan.executions => {
            x.executions = plan.executions;
            x.verdict = Verdict::EngineLimit { what: format!("{} executions", plan.executions) };
        }
        None if executions == 0 => {
            x.verdict = Verdict::Inconclusive { why: "no complete execution".into() };
        }
        None => (x.outcomes, x.seen) = (pool.outcomes, pool.seen),
        Some(EndOf::Failed(f)) => {
            x.verdict = Verdict::Found { property: f.property.clone(), kind: f.kind };
            x.failure = Some(f);
        }
        Some(EndOf::Executions) => {
            x.executions = plan.executions;
            x.verdict = Verdict::EngineLimit { what: format!("{} executions", plan.executions) };
        }
        Some(EndOf::Stopped(s)) => {
            x.verdict = match s {
                Stop::Nondeterministic(why) => {
                    Verdict::Inconclusive { why: format!("non-deterministic: {why}") }
                }
                Stop::Limit(what) => Verdict::EngineLimit { what },
                Stop::Refused(reason) => Verdict::OutOfReach { reason },
                Stop::Verdict(v) => v,
                Stop::DeadEnd | Stop::WordMutexes | Stop::CountedArcs => {
                    Verdict::Inconclusive { why: format!("internal: {s:?}") }
                }
            }
        }
    }
    x
}

fn search(scenario: &Scenario, plan: &Plan, mode: Mode) -> Pool {
    let workers = plan.jobs.max(1);
    let shared = Shared {
        pool: Mutex::new(Pool { jobs: vec![Graph::root()], ..Pool::default() }),
        work: Condvar::new(),
        workers,
        hungry: AtomicUsize::new(0),
        ends: AtomicU64::new(0),
    };
    let names = Names::default();
    if workers == 1 {
        worker(scenario, plan, mode, &shared, names);
    } else {
        std::thread::scope(|s| {
            for _ in 0..workers {
                let (shared, names) = (&shared, names.clone());
                s.spawn(move || worker(scenario, plan, mode, shared, names));
            }
        });
    }
    shared.pool.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn pool(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job of an idle worker; `None` when all are done.
    fn take(&self) -> Option<Graph> {
        let mut p = self.pool();
        p.idle += 1;
        self.hungry.store(p.idle, Relaxed);
        loop {
            if let Some(g) = p.jobs.pop() {
                p.idle -= 1;
                self.hungry.store(p.idle, Relaxed);
                return Some(g);
            }
            if p.idle == self.workers {
                self.work.notify_all();
                return None;
            }
            p = self.work.wait(p).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes where the search ends, if it is the first such place.
    fn end(&self, path: &[u32], e: EndOf) {
        let mut p = self.pool();
        if p.end.as_ref().is_none_or(|(old, _)| path < old.as_slice()) {
            p.end = Some((path.to_vec(), e));
            self.ends.fetch_add(1, Relaxed);
        }
    }
}

/// How often a worker looks at the shared state, in jobs.
const LOOK: u64 = 64;

fn worker(scenario: &Scenario, plan: &Plan, mode: Mode, shared: &Shared, names: Names) {
    let w = Worker::new(scenario.clone(), plan, mode, names);
    let mut stack: Vec<Graph> = Vec::new();
    let mut chunk = Chunk::default();
    let mut jobs = 0u64;
    let mut limit: Option<Vec<u32>> = None;
    let (mut reported, mut ends) = (0, 0);
    loop {
        let g = match stack.pop() {
            Some(g) => g,
            None => {
                let finished = std::mem::take(&mut chunk);
                shared.pool().chunks.push(finished);
                reported = 0;
                match shared.take() {
                    Some(g) => {
                        chunk.from = g.path.clone();
                        limit = shared.pool().end.as_ref().map(|e| e.0.clone());
                        g
                    }
                    None => break,
                }
            }
        };
        if limit.as_ref().is_some_and(|l| g.path > *l) {
            continue;
        }
        let path = g.path.clone();
        let before = w.run.state().steps;
        let end = w.run_job(g);
        chunk.steps += w.run.state().steps - before;
        match end {
            End::Leaf { complete } => chunk.executions += complete as u64,
            End::Failed(f) => {
                shared.end(&path, EndOf::Failed(f));
                limit = Some(path.clone());
            }
            End::Stopped(Stop::DeadEnd) => {}
            End::Stopped(s) => {
                shared.end(&path, EndOf::Stopped(s));
                limit = Some(path.clone());
            }
        }
        let first = stack.len();
        stack.append(&mut w.exact.inner().e.pushed);
        for (n, child) in stack[first..].iter_mut().enumerate() {
            // The stack takes the last one first.
            child.path.clone_from(&path);
            child.path.push(u32::MAX - n as u32);
        }
        jobs += 1;
        let wanted = stack.len() > 1 && shared.hungry.load(Relaxed) > 0;
        if jobs.is_multiple_of(LOOK) || wanted || shared.ends.load(Relaxed) != ends {
            let mut p = shared.pool();
            p.executions += chunk.executions - reported;
            reported = chunk.executions;
            if p.executions > plan.executions && p.end.is_none() {
                p.end = Some((Vec::new(), EndOf::Executions));
                shared.ends.fetch_add(1, Relaxed);
            }
            limit = p.end.as_ref().map(|e| e.0.clone());
            ends = shared.ends.load(Relaxed);
            if wanted && p.jobs.len() < p.idle {
                p.jobs.push(stack.remove(0));
                shared.work.notify_one();
            }
        }
    }
    let mut p = shared.pool();
    let mut s = w.run.state();
    (s.executions, s.steps) = (0, 0);
    for (o, n) in std::mem::take(&mut s.outcomes) {
        *p.outcomes.entry(o).or_insert(0) += n;
    }
    for name in s.seen.drain(..) {
        if !p.seen.contains(&name) {
            p.seen.push(name);
        }
    }
    p.seen.sort_unstable();
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
struct Worker {
    exact: &'static Exact,
    run: &'static Run,
    scenario: Scenario,
    steps: u64,
}

impl Drop for Worker {
    fn drop(&mut self) {
        seats().push(Seat { exact: self.exact, run: self.run });
    }
}

impl Worker {
    fn new(scenario: Scenario, plan: &Plan, mode: Mode, names: Names) -> Worker {
        let seat = seats().pop();
        let Seat { exact, run } = seat.unwrap_or_else(|| {
            let exact: &'static Exact = Box::leak(Box::default());
            Seat { exact, run: Run::leak(exact) }
        });
        let i = exact.inner();
        (i.run, i.words, i.counted) = (Some(run), mode.words, mode.counted);
        i.e.memory = plan.memory;
        i.e.x.locations = Locations::new(names);
        Worker { exact, run, scenario, steps: plan.steps }
    }

    /// Re-executes `g`, then extends it to a complete graph; alternatives are left in `pushed`.
    fn run_job(&self, g: Graph) -> End {
        let _installed = self.run.install();
        self.run.begin_execution();
        self.exact.inner().begin(g, self.steps);
        let outcome: std::rc::Rc<Cell<Option<Outcome>>> = Default::default();
        let (run, scenario, slot) = (self.run, self.scenario.clone(), outcome.clone());
        let body = Box::new(move || slot.set(execute(run, &scenario).ok()));
        self.exact.inner().e.x.add_thread(MAIN, body, None);
        self.replay();
        while !self.over() {
            let next = self.exact.inner().e.next_thread();
            match next {
                Some(t) => {
                    let th = &mut self.exact.inner().e.x.threads[t];
                    th.go = matches!(th.want, Want::Await { .. });
                    self.exact.resume(t);
                }
                None => break,
            }
        }
        self.finish(outcome)
    }

    fn over(&self) -> bool {
        self.run.over() || self.exact.inner().e.x.stop.is_some()
    }

    /// Topological re-execution of the stored structure.
    fn replay(&self) {
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
        let x = &mut self.exact.inner().e.x;
        x.replaying = false;
        let gone =
            |t: usize| x.threads.get(t).is_none_or(|th| th.pc < x.g.th[t].len() && th.want != Want::Source);
        if (0..x.g.th.len()).any(|t| !x.g.th[t].is_empty() && gone(t)) {
            x.halt(Stop::Nondeterministic("an operation that was there is not done any more".into()));
        }
    }

    /// Nothing can move any more, or the job is over.
    fn finish(&self, outcome: std::rc::Rc<Cell<Option<Outcome>>>) -> End {
        let i = self.exact.inner();
        let all_done = i.e.x.threads.iter().all(|t| t.want == Want::Done);
        if !self.over() && all_done {
            self.run.check_leaks();
            if let (false, Some(o)) = (self.run.over(), outcome.take()) {
                self.run.end_execution(o);
                return End::Leaf { complete: true };
            }
        }
        if !self.over() && !all_done {
            self.standstill();
        }
        self.exact.abandon();
        let mut s = self.run.state();
        if let Some(f) = s.failure.take() {
            return End::Failed(f);
        }
        if let Some(v) = s.stopped.take() {
            return End::Stopped(Stop::Verdict(v));
        }
        drop(s);
        match self.exact.inner().e.x.stop.take() {
            Some(s) => End::Stopped(s),
            None => End::Leaf { complete: false },
        }
    }

    /// Some thread has not ended and none can move: a deadlock, a lost wake-up, or a leaf that other jobs
    /// continue.
    fn standstill(&self) {
        let i = self.exact.inner();
        // Threads in front of a held mutex may still overtake its holder.
        for t in 0..i.e.x.threads.len() {
            if let Want::Lock(loc) = i.e.x.threads[t].want {
                i.e.overtake(t, loc);
            }
        }
        let x = &i.e.x;
        let blocked: Vec<usize> =
            (0..x.threads.len()).filter(|&t| x.threads[t].want == Want::Blocked).collect();
        // Would a newer value let it go on? Then another job is that execution.
        let final_values = |t: usize| {
            x.threads[t].reads.iter().all(|&r: &EventId| {
                let e = x.g.ev(r);
                e.rf == x.g.mo_last(e.loc)
            })
        };
        if blocked.iter().any(|&t| x.threads[t].timed || !final_values(t)) {
            return;
        }
        let waits = |w: Waits| blocked.iter().copied().find(|&t| x.threads[t].waits == w);
        let (kind, t, message) = if let Some(t) = waits(Waits::Wakeup) {
            (Violation::LostWakeup, t, "waits for a wake-up that no one is left to give")
        } else if let Some(t) = waits(Waits::Spin) {
            (Violation::Livelock, t, "polls for a value that no one is left to write")
        } else {
            let t = x.threads.iter().position(|t| t.want != Want::Done).unwrap_or(0);
            (Violation::Deadlock, t, "waits for ever; no thread can move")
        };
        self.run.set_me(ThreadId(t as u8));
        self.run.note_failure(None, kind, format!("thread {t} {message}"), Vec::new());
    }
}
