//! Who decides: shuttle's own schedulers, the exhaustive search, a recorded schedule, or a log (`guide.rs`).
//!
//! shuttle's `DfsScheduler` cannot enumerate data choices, so the exhaustive search is here.

use super::guide::Guide;
use super::state::{Need, State};
use crate::check::engine::Plan;
use crate::check::event::ThreadId;
use crate::check::model::Strategy;
use crate::check::run::{Failure, Run};
use crate::check::verdict::Kind;
use shuttle_engine::scheduler::{Scheduler, Task, TaskId};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::time::Instant;

/// In a schedule: a data choice, its value in the low bits. Other entries are thread numbers.
pub const DATA: u32 = 1 << 31;

/// In a schedule that is replayed leniently: stay on the thread that ran last if it can go on without waking
/// spuriously, else the least that can; for data, 0.
pub const STAY: u32 = u32::MAX;

/// A thread that may be chosen.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// Its number in the model.
    pub thread: ThreadId,
    /// shuttle's view of it.
    pub task: &'a Task,
    /// It says itself that others should go first: to leave it is no preemption.
    pub yields: bool,
    /// What it needs before it can go on.
    pub need: Need,
    /// It waits and has not been woken: only a timeout or a spurious end lets it go on.
    pub asleep: bool,
}

/// The candidates for one step.
pub type Candidates<'a> = SmallVec<[Candidate<'a>; 8]>;

/// Who decides.
pub enum Chooser {
    /// shuttle's schedulers, one execution each in turn.
    Shuttle(Sampling),
    /// Every choice, depth first.
    Dfs(Dfs),
    /// A recorded schedule.
    Replay(Replay),
    /// The log of another execution.
    Guided(Guide),
}

/// One of shuttle's schedulers.
struct Sampler {
    /// `None` only while it is being dropped.
    scheduler: Option<Box<dyn Scheduler>>,
    /// It prints a seed to stderr when it is dropped before its last execution.
    prints: bool,
    /// It has been offered more than one thread at a time.
    concurrent: bool,
    started: bool,
}

impl Sampler {
    fn new(scheduler: impl Scheduler + 'static) -> Self {
        let scheduler: Option<Box<dyn Scheduler>> = Some(Box::new(scheduler));
        Sampler { scheduler, prints: false, concurrent: false, started: false }
    }

    fn random(seed: u64, executions: u64) -> Self {
        let executions = usize::try_from(executions).unwrap_or(usize::MAX);
        let mut s = Sampler::new(shuttle::scheduler::RandomScheduler::new_from_seed(seed, executions));
        s.prints = true;
        s
    }

    #[inline]
    fn scheduler(&mut self) -> &mut dyn Scheduler {
        self.scheduler.as_deref_mut().expect("there until it is dropped")
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        // Asked once more than it has executions, shuttle's random scheduler forgets the seed. Otherwise it is leaked.
        let done = !self.prints || self.scheduler().new_execution().is_none();
        if let (Some(scheduler), false) = (self.scheduler.take(), done) {
            std::mem::forget(scheduler);
        }
    }
}

/// Random exploration.
pub struct Sampling {
    samplers: SmallVec<[Sampler; 3]>,
    turn: usize,
    seed: u64,
    executions: u64,
}

/// Depths of bug that shuttle's PCT looks for, in turn: `d` means `d - 1` changes of priority in an execution.
/// shuttle makes exactly so many, so one depth alone would leave out what short programs do with fewer.
const PCT_DEPTHS: [usize; 3] = [1, 2, 3];

impl Sampling {
    fn new(plan: &Plan) -> Self {
        use shuttle::scheduler::{PctScheduler, UrwRandomScheduler};
        // The kernel counts executions.
        const ALL: usize = usize::MAX;
        let seed = plan.seed;
        let samplers = match plan.strategy {
            Strategy::Pct => PCT_DEPTHS
                .iter()
                .map(|&d| Sampler::new(PctScheduler::new_from_seed(seed.wrapping_add(d as u64), d, ALL)))
                .collect(),
            Strategy::Urw => {
                [Sampler::new(UrwRandomScheduler::new_from_seed(seed, ALL))].into_iter().collect()
            }
            Strategy::Random | Strategy::Dfs => {
                [Sampler::random(seed, plan.executions)].into_iter().collect()
            }
        };
        Sampling { samplers, turn: 0, seed, executions: plan.executions }
    }

    fn new_execution(&mut self) -> bool {
        self.turn = (self.turn + 1) % self.samplers.len();
        let s = &mut self.samplers[self.turn];
        if s.started && !s.concurrent {
            // shuttle's PCT panics here: there are no priorities to change where there is never a choice.
            *s = Sampler::random(self.seed, self.executions);
            s.concurrent = true;
        }
        s.started = true;
        s.scheduler().new_execution().is_some()
    }

    fn thread(&mut self, candidates: &Candidates<'_>, current: Option<TaskId>) -> ThreadId {
        let s = &mut self.samplers[self.turn];
        s.concurrent |= candidates.len() > 1;
        let tasks: SmallVec<[&Task; 8]> = candidates.iter().map(|c| c.task).collect();
        let id = s.scheduler().next_task(&tasks, current, false).expect("shuttle's schedulers always choose");
        candidates.iter().find(|c| c.task.id() == id).expect("they choose what is offered").thread
    }

    fn next_u64(&mut self) -> u64 {
        self.samplers[self.turn].scheduler().next_u64()
    }

    /// One in eight.
    fn rarely(&mut self) -> bool {
        (self.next_u64() >> 32) & 7 == 0
    }
}

impl Default for Chooser {
    fn default() -> Self {
        Chooser::Dfs(Dfs::default())
    }
}

impl Chooser {
    /// The chooser for `plan`.
    pub fn new(plan: &Plan) -> Self {
        match plan.strategy {
            Strategy::Dfs => Chooser::default(),
            _ => Chooser::Shuttle(Sampling::new(plan)),
        }
    }

    /// Gets ready for another execution; `false` if there is none.
    pub fn new_execution(&mut self) -> bool {
        match self {
            Chooser::Shuttle(s) => s.new_execution(),
            Chooser::Dfs(d) => d.new_execution(),
            Chooser::Replay(r) => r.new_execution(),
            Chooser::Guided(g) => g.new_execution(),
        }
    }

    /// One of `candidates`, of which there is at least one. The first `prompted` of them need not wake spuriously.
    pub fn thread(
        &mut self,
        candidates: &Candidates<'_>,
        prompted: usize,
        current: Option<TaskId>,
    ) -> ThreadId {
        match self {
            Chooser::Shuttle(s) => s.thread(candidates, current),
            Chooser::Dfs(d) => {
                // The running thread comes first, so that the first execution found has few switches.
                let running = candidates.iter().position(|c| Some(c.task.id()) == current);
                let could_go_on = running.filter(|r| !candidates[*r].yields);
                if let (Some(r), true) = (could_go_on, d.spent()) {
                    return candidates[r].thread;
                }
                let pick = d.choose(candidates.len() as u32) as usize;
                d.preemptions += u32::from(could_go_on.is_some() && pick != 0);
                let i = match running {
                    Some(r) if pick == 0 => r,
                    Some(r) if pick <= r => pick - 1,
                    _ => pick,
                };
                candidates[i].thread
            }
            Chooser::Replay(r) => r.thread(candidates, prompted, current),
            Chooser::Guided(g) => g.thread(candidates, current),
        }
    }

    /// One of `0..n`; `rare` says that anything but 0 should be uncommon where choices are random.
    pub fn data(&mut self, n: u32, rare: bool) -> u32 {
        match self {
            Chooser::Shuttle(s) if rare => u32::from(s.rarely()) % n,
            Chooser::Shuttle(s) => (s.next_u64() % u64::from(n)) as u32,
            Chooser::Dfs(d) => d.choose(n),
            Chooser::Replay(r) => r.data(n),
            Chooser::Guided(g) => g.data(n),
        }
    }

    /// Are threads that could only wake spuriously offered this time? Not recorded: the choice of one is.
    pub fn offers_spurious(&mut self) -> bool {
        match self {
            Chooser::Shuttle(s) => s.rarely(),
            Chooser::Dfs(_) | Chooser::Replay(_) | Chooser::Guided(_) => true,
        }
    }

    /// What has been done in the execution at hand, and who waits: for those who go by it.
    #[inline]
    pub fn heed(&mut self, run: &Run, state: &RefCell<State>) {
        if let Chooser::Guided(g) = self {
            g.heed(&run.state(), |t| state.borrow().sleeps(t));
        }
    }

    /// Is this what is looked for? If not, the search goes on.
    pub fn looks_for(&self, f: &Failure) -> bool {
        match self {
            Chooser::Dfs(Dfs { like: Some((property, kind)), .. }) => {
                *property == f.property && *kind == f.kind
            }
            _ => true,
        }
    }

    /// Does it go on past failures?
    pub fn passes_over(&self) -> bool {
        matches!(self, Chooser::Dfs(Dfs { like: Some(_), .. }))
    }

    /// Is every choice explored?
    pub fn exhaustive(&self) -> bool {
        matches!(self, Chooser::Dfs(_))
    }

    /// Why the model cannot be trusted to be deterministic, if a repeated prefix offered other choices.
    pub fn diverged(&self) -> Option<String> {
        match self {
            Chooser::Dfs(Dfs { diverged: true, .. }) => {
                Some("non-deterministic: the same choices led to another state".to_owned())
            }
            Chooser::Replay(r) => r.diverged.clone(),
            _ => None,
        }
    }
}

/// Depth-first search over all choices with more than one alternative.
#[derive(Default)]
pub struct Dfs {
    /// (taken, alternatives) from the root.
    path: Vec<(u32, u32)>,
    at: usize,
    started: bool,
    diverged: bool,
    /// Preemptions of the execution at hand, and the most that one may have.
    preemptions: u32,
    bound: Option<u32>,
    /// A safety net: no execution begins later.
    until: Option<Instant>,
    /// The failure that is looked for; `None`: any.
    like: Option<(String, Kind)>,
    /// The whole tree was explored.
    pub exhausted: bool,
}

impl Dfs {
    /// The search of all executions with at most so many preemptions, for which there is time until then, for one that
    /// violates this property in this way.
    pub fn bounded(preemptions: u32, until: Instant, like: (String, Kind)) -> Self {
        Dfs { bound: Some(preemptions), until: Some(until), like: Some(like), ..Dfs::default() }
    }

    fn spent(&self) -> bool {
        self.bound.is_some_and(|b| self.preemptions >= b)
    }

    fn new_execution(&mut self) -> bool {
        self.diverged |= self.at < self.path.len();
        self.at = 0;
        self.preemptions = 0;
        if self.until.is_some_and(|u| Instant::now() > u) {
            return false;
        }
        if !std::mem::replace(&mut self.started, true) {
            return true;
        }
        if self.diverged {
            return false;
        }
        while let Some((taken, of)) = self.path.last_mut() {
            if *taken + 1 < *of {
                *taken += 1;
                return true;
            }
            self.path.pop();
        }
        self.exhausted = true;
        false
    }

    fn choose(&mut self, n: u32) -> u32 {
        if n == 1 {
            return 0;
        }
        if self.at == self.path.len() {
            self.path.push((0, n));
        }
        let (taken, of) = self.path[self.at];
        self.at += 1;
        self.diverged |= of != n;
        taken.min(n - 1)
    }
}

/// A recorded schedule, once.
pub struct Replay {
    schedule: Vec<u32>,
    at: usize,
    strict: bool,
    ran: bool,
    diverged: Option<String>,
}

impl Replay {
    /// `strict`: every entry must be possible, and the schedule must reach the end of the execution.
    pub fn new(schedule: &[u32], strict: bool) -> Self {
        Replay { schedule: schedule.to_vec(), at: 0, strict, ran: false, diverged: None }
    }

    fn new_execution(&mut self) -> bool {
        !std::mem::replace(&mut self.ran, true)
    }

    fn next(&mut self) -> Option<u32> {
        let entry = self.schedule.get(self.at).copied();
        self.at += 1;
        entry
    }

    fn diverge(&mut self, what: impl FnOnce() -> String) {
        if self.strict && self.diverged.is_none() {
            self.diverged = Some(format!("replay diverged at choice {}: {}", self.at - 1, what()));
        }
    }

    fn thread(&mut self, candidates: &Candidates<'_>, prompted: usize, current: Option<TaskId>) -> ThreadId {
        let entry = self.next();
        if let Some(t) = entry
            && let Some(c) = candidates.iter().find(|c| u32::from(c.thread.0) == t)
        {
            return c.thread;
        }
        if entry != Some(STAY) {
            self.diverge(|| match entry {
                Some(t) if t & DATA == 0 => format!("thread {t} cannot go on"),
                Some(_) => "a thread is to be chosen where the schedule has a value".to_owned(),
                None => "the schedule ends here, the execution does not".to_owned(),
            });
        }
        let stay = candidates[..prompted].iter().find(|c| Some(c.task.id()) == current);
        stay.unwrap_or(&candidates[0]).thread
    }

    fn data(&mut self, n: u32) -> u32 {
        let entry = self.next();
        match entry {
            Some(STAY) => 0,
            Some(d) if d & DATA != 0 && d ^ DATA < n => d ^ DATA,
            _ => {
                self.diverge(|| format!("one of {n} values is to be chosen, the schedule has {entry:?}"));
                0
            }
        }
    }
}
