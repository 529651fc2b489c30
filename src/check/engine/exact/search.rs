//! The search: jobs, workers and results.
//!
//! Each worker keeps its jobs in a stack, newest first, so that memory stays polynomial; an idle worker takes the
//! oldest job of another, which is the largest. A job's path (positions among siblings) is its place in
//! depth-first order. What a worker does between two steals is one *chunk*: a contiguous range of that order. So
//! the least failure, and the counts up to it, are the same for any number of workers.

use super::estimate::Clock;
use super::exec::Stop;
use super::graph::Graph;
use super::job::{End, Failing, Worker};
use super::locations::Names;
use super::lower::{IN_ROW, TIMEOUTS};
use super::rounds::Patience;
use crate::check::engine::spent::Spent;
use crate::check::engine::{Census, Exploration, Plan};
use crate::check::model::{Outcome, Scenario};
use crate::check::run::Execution;
use crate::check::verdict::Verdict;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, PoisonError};

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
    witnesses: BTreeMap<Outcome, (Vec<u32>, Execution)>,
    seen: Vec<&'static str>,
    /// The model says something that nobody has listened to.
    unsaid: bool,
    /// Some wait could have timed out once more.
    capped: bool,
    /// Some call could have ended spuriously once more, which changes what happens.
    capped_spurious: bool,
}

enum EndOf {
    Failed(Failing),
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
#[derive(Clone, Default)]
pub struct Mode {
    pub words: bool,
    pub counted: bool,
    /// Loops that are no waits.
    pub patience: Patience,
}

/// Explores every execution of `scenario`.
pub fn explore(scenario: &Scenario, plan: &Plan) -> Exploration {
    let mut mode = Mode { counted: plan.counted_arcs, ..Mode::default() };
    loop {
        let pool = search(scenario, plan, &mode);
        match &pool.end {
            // What one share learns so deep, the others may not: they would not be shares of one search.
            Some((path, EndOf::Stopped(s)))
                if s.changes_mode() && plan.shard.is_some() && path.len() >= SHARE_DEPTH =>
            {
                return conclude(pool, scenario, plan, &mode);
            }
            Some((_, EndOf::Stopped(Stop::WordMutexes))) if !mode.words => mode.words = true,
            Some((_, EndOf::Stopped(Stop::CountedArcs))) if !mode.counted => mode.counted = true,
            Some((_, EndOf::Stopped(Stop::GivesUp { site, repeated }))) => {
                mode.patience.learn(site, *repeated)
            }
            _ => return conclude(pool, scenario, plan, &mode),
        }
    }
}

fn conclude(mut pool: Pool, scenario: &Scenario, plan: &Plan, mode: &Mode) -> Exploration {
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
        census: Census::default(),
        shortening: None,
    };
    match end.map(|e| e.1) {
        None if executions > plan.executions => {
            x.executions = plan.executions;
            x.verdict = Verdict::EngineLimit { what: format!("{} executions", plan.executions) };
        }
        None if executions == 0 && pool.capped => {
            x.verdict =
                Verdict::EngineLimit { what: format!("{TIMEOUTS} timeouts of one thread at one wait") };
        }
        // A share of a split search may be empty.
        None if executions == 0 && plan.shard.is_none() => {
            x.verdict = Verdict::Inconclusive { why: "no complete execution".into() };
        }
        None => {
            if pool.capped {
                x.verdict = Verdict::Bounded { k: TIMEOUTS as u32 };
            } else if pool.capped_spurious {
                x.verdict = Verdict::Bounded { k: IN_ROW };
            }
            (x.outcomes, x.seen) = (pool.outcomes, pool.seen);
            if pool.unsaid {
                Worker::new(scenario.clone(), plan, mode, Names::default()).retell(&mut pool.witnesses);
            }
            x.census.witnesses = pool.witnesses.into_iter().map(|(o, w)| (o, w.1)).collect();
            x.census.whole = !pool.capped && !pool.capped_spurious && plan.shard.is_none();
        }
        Some(EndOf::Failed(first)) => {
            let w = Worker::new(scenario.clone(), plan, mode, Names::default());
            let (shown, spent) = Spent::on(|| w.counterexample(first, plan));
            x.shortening = Some(spent);
            let f = shown.failure;
            x.verdict = Verdict::Found { property: f.property.clone(), kind: f.kind };
            x.failure = Some(f);
            (x.outcomes, x.census) = (shown.outcomes, shown.census);
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
                s if s.changes_mode() && plan.shard.is_some() => Verdict::OutOfReach {
                    reason:
                        "how this model is to be explored turns out too late to split its search: do without \
                             --shard"
                            .into(),
                },
                Stop::DeadEnd | Stop::WordMutexes | Stop::CountedArcs | Stop::GivesUp { .. } => {
                    Verdict::Inconclusive { why: format!("internal: {s:?}") }
                }
            }
        }
    }
    x
}

fn search(scenario: &Scenario, plan: &Plan, mode: &Mode) -> Pool {
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

/// Jobs down to this depth are run by every share of a split search; below, each share has its own.
const SHARE_DEPTH: usize = 8;

/// Is the job with this path in the share? A function of the path alone.
fn share_has(shard: Option<(u32, u32)>, path: &[u32]) -> bool {
    let Some((k, n)) = shard else { return true };
    // FNV-1a.
    let prefix = path.iter().take(SHARE_DEPTH).flat_map(|p| p.to_le_bytes());
    let hash = prefix.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ b as u64).wrapping_mul(0x100_0000_01b3));
    (hash >> 32) % n as u64 == k as u64
}

/// How often a worker looks at the shared state, in jobs.
const LOOK: u64 = 64;

fn worker(scenario: &Scenario, plan: &Plan, mode: &Mode, shared: &Shared, names: Names) {
    let mut w = Worker::new(scenario.clone(), plan, mode, names);
    let mut clock = Clock::new(plan.seed);
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
        w.counts = share_has(plan.shard, &path);
        if !w.counts && path.len() >= SHARE_DEPTH {
            continue;
        }
        let before = w.run.state().steps;
        let end = w.run_job(g);
        if w.counts {
            chunk.steps += w.run.state().steps - before;
        }
        let end = w.try_repeats(end);
        match end {
            End::Leaf { complete } => chunk.executions += (complete && w.counts) as u64,
            // The share that has the failure reports it.
            End::Failed(_) if !w.counts => {}
            End::Failed(f) => {
                for f in f {
                    shared.end(&path, EndOf::Failed(f));
                }
                limit = Some(path.clone());
            }
            End::Stopped(Stop::DeadEnd) => {}
            End::Stopped(s) => {
                shared.end(&path, EndOf::Stopped(s));
                limit = Some(path.clone());
            }
        }
        stack.append(&mut w.children(&path));
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
            let executions = p.executions;
            drop(p);
            clock.tell(&mut w, executions);
        }
    }
    let mut p = shared.pool();
    p.unsaid |= w.run.missed_notes();
    p.capped |= w.exact.inner().capped;
    p.capped_spurious |= w.exact.inner().capped_spurious;
    let mut s = w.run.state();
    for (o, n) in std::mem::take(&mut s.outcomes) {
        *p.outcomes.entry(o).or_insert(0) += n;
    }
    for (o, found) in std::mem::take(&mut s.witnesses) {
        if p.witnesses.get(&o).is_none_or(|kept| found.0 < kept.0) {
            p.witnesses.insert(o, found);
        }
    }
    for name in s.seen.drain(..) {
        if !p.seen.contains(&name) {
            p.seen.push(name);
        }
    }
    p.seen.sort_unstable();
}
