//! Who decides: shuttle's own schedulers, the exhaustive search, or a recorded schedule.
//!
//! shuttle's `DfsScheduler` cannot enumerate data choices, so the exhaustive search is here.

use crate::check::event::ThreadId;
use crate::check::model::Strategy;
use shuttle_engine::scheduler::{Scheduler, Task, TaskId};
use smallvec::SmallVec;
use std::mem::ManuallyDrop;

/// In a schedule: a data choice, its value in the low bits. Other entries are thread numbers.
pub const DATA: u32 = 1 << 31;

/// In a schedule that is replayed leniently: stay on the thread that ran last if it can go on, else the least
/// that can; for data, 0.
pub const STAY: u32 = u32::MAX;

/// A thread that may be chosen.
pub struct Candidate<'a> {
    /// Its number in the model.
    pub thread: ThreadId,
    /// shuttle's view of it.
    pub task: &'a Task,
}

/// The candidates for one step.
pub type Candidates<'a> = SmallVec<[Candidate<'a>; 8]>;

/// Who decides.
pub enum Chooser {
    /// One of shuttle's schedulers. Never dropped: shuttle's random scheduler prints a seed to stderr when it is
    /// dropped early.
    Shuttle(ManuallyDrop<Box<dyn Scheduler>>),
    /// Every choice, depth first.
    Dfs(Dfs),
    /// A recorded schedule.
    Replay(Replay),
}

/// shuttle's PCT looks for bugs of up to this depth: three ordering constraints cover nearly all real ones.
const PCT_DEPTH: usize = 3;

impl Chooser {
    /// The chooser for `strategy`.
    pub fn new(strategy: Strategy, seed: u64, executions: u64) -> Self {
        use shuttle::scheduler::{PctScheduler, RandomScheduler, UrwRandomScheduler};
        let n = usize::try_from(executions).unwrap_or(usize::MAX);
        let boxed: Box<dyn Scheduler> = match strategy {
            Strategy::Random => Box::new(RandomScheduler::new_from_seed(seed, n)),
            Strategy::Pct => Box::new(PctScheduler::new_from_seed(seed, PCT_DEPTH, n)),
            Strategy::Urw => Box::new(UrwRandomScheduler::new_from_seed(seed, n)),
            Strategy::Dfs => return Chooser::Dfs(Dfs::default()),
        };
        Chooser::Shuttle(ManuallyDrop::new(boxed))
    }

    /// Gets ready for another execution; `false` if there is none.
    pub fn new_execution(&mut self) -> bool {
        match self {
            Chooser::Shuttle(s) => s.new_execution().is_some(),
            Chooser::Dfs(d) => d.new_execution(),
            Chooser::Replay(r) => r.new_execution(),
        }
    }

    /// One of `candidates`, of which there is at least one.
    pub fn thread(&mut self, candidates: &Candidates<'_>, current: Option<TaskId>) -> ThreadId {
        match self {
            Chooser::Shuttle(s) => {
                let tasks: SmallVec<[&Task; 8]> = candidates.iter().map(|c| c.task).collect();
                let id = s.next_task(&tasks, current, false).expect("shuttle's schedulers always choose");
                candidates.iter().find(|c| c.task.id() == id).expect("they choose what is offered").thread
            }
            Chooser::Dfs(d) => {
                // The running thread comes first, so that the first execution found has few switches.
                let running = candidates.iter().position(|c| Some(c.task.id()) == current);
                let pick = d.choose(candidates.len() as u32) as usize;
                let i = match running {
                    Some(r) if pick == 0 => r,
                    Some(r) if pick <= r => pick - 1,
                    _ => pick,
                };
                candidates[i].thread
            }
            Chooser::Replay(r) => r.thread(candidates, current),
        }
    }

    /// One of `0..n`; `rare` says that anything but 0 should be uncommon where choices are random.
    pub fn data(&mut self, n: u32, rare: bool) -> u32 {
        match self {
            Chooser::Shuttle(s) => {
                let r = s.next_u64();
                match (rare, (r >> 32) & 7) {
                    (true, 1..) => 0,
                    (true, 0) => 1 % n,
                    (false, _) => (r % u64::from(n)) as u32,
                }
            }
            Chooser::Dfs(d) => d.choose(n),
            Chooser::Replay(r) => r.data(n),
        }
    }

    /// Is every choice explored, so that no alternative needs to be rare?
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
    /// The whole tree was explored.
    pub exhausted: bool,
}

impl Dfs {
    fn new_execution(&mut self) -> bool {
        self.diverged |= self.at < self.path.len();
        self.at = 0;
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

    fn thread(&mut self, candidates: &Candidates<'_>, current: Option<TaskId>) -> ThreadId {
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
        let stay = candidates.iter().find(|c| Some(c.task.id()) == current);
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
