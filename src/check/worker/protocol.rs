//! What runner and worker say to each other.
//!
//! `SELVEDGE_WORKER` in the worker's environment carries an [`Order`] as JSON. Results come back on a private pipe,
//! which is the worker's *standard input*: the one handle that every platform passes to a child without naming
//! file descriptors. Each line is a JSON [`Line`] with the worker's process id, so that nothing a forked
//! descendant writes is believed.

use crate::check::engine::spent::Spent;
use crate::check::engine::{Exploration, Plan};
use crate::check::model::{Discipline, EngineKind, Memory, Strategy};
use crate::check::runner::tally::Tally;
use crate::check::runner::trace::Trace;
use crate::check::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Carries the order. Set by the runner, and by nobody else.
pub const WORKER_ENV: &str = "SELVEDGE_WORKER";

/// What a worker is to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The runner's process id: a worker whose parent is another process has been orphaned.
    pub parent: u32,
    /// What to explore.
    pub subject: Subject,
    /// Who explores.
    pub engine: String,
    /// What it may do.
    pub plan: WirePlan,
    /// The recorded execution to run again, instead of searching.
    pub schedule: Option<Vec<u32>>,
    /// The memory limit, in bytes, for the backstop that the worker sets itself.
    pub memory_limit: u64,
}

/// What to explore.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A variant of the catalogue.
    Variant {
        /// The model.
        model: String,
        /// The variant.
        variant: String,
    },
    /// The closure of the `ordinal`-th call of `selvedge::model`, from 0, in a test.
    Test {
        /// The test's full name.
        name: String,
        /// Which call.
        ordinal: usize,
        /// Calls before it that have failed, and how they panicked: a test that caught that goes the same way.
        failed: BTreeMap<usize, String>,
    },
    /// A litmus test.
    Litmus {
        /// Its name.
        test: String,
    },
}

/// [`Plan`] in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WirePlan {
    strategy: String,
    seed: u64,
    executions: u64,
    steps: u64,
    preemptions: Option<u32>,
    memory: String,
    counted_arcs: bool,
    discipline: Discipline,
    jobs: usize,
    shard: Option<(u32, u32)>,
}

const STRATEGIES: [Strategy; 4] = [Strategy::Random, Strategy::Pct, Strategy::Urw, Strategy::Dfs];

impl From<&Plan> for WirePlan {
    fn from(p: &Plan) -> Self {
        WirePlan {
            strategy: p.strategy.word().to_owned(),
            seed: p.seed,
            executions: p.executions,
            steps: p.steps,
            preemptions: p.preemptions,
            memory: match p.memory {
                Memory::Rc11 => "rc11",
                Memory::Sc => "sc",
            }
            .to_owned(),
            counted_arcs: p.counted_arcs,
            discipline: p.discipline.clone(),
            jobs: p.jobs,
            shard: p.shard,
        }
    }
}

impl WirePlan {
    /// The plan, or what is wrong with it.
    pub fn plan(&self) -> Result<Plan, String> {
        let unknown = |what: &str, word: &str| format!("unknown {what} `{word}`");
        if let Some((k, n)) = self.shard.filter(|(k, n)| k >= n) {
            return Err(format!("share {k} of {n} does not exist"));
        }
        Ok(Plan {
            strategy: strategy(&self.strategy).ok_or_else(|| unknown("strategy", &self.strategy))?,
            seed: self.seed,
            executions: self.executions,
            steps: self.steps,
            preemptions: self.preemptions,
            memory: match self.memory.as_str() {
                "rc11" => Memory::Rc11,
                "sc" => Memory::Sc,
                other => return Err(unknown("memory model", other)),
            },
            counted_arcs: self.counted_arcs,
            discipline: self.discipline.clone(),
            jobs: self.jobs,
            shard: self.shard,
        })
    }
}

/// The strategy of that name.
pub fn strategy(word: &str) -> Option<Strategy> {
    STRATEGIES.into_iter().find(|s| s.word() == word)
}

/// The engine of that name.
pub fn engine(word: &str) -> Option<EngineKind> {
    EngineKind::ALL.into_iter().find(|e| e.word() == word)
}

/// One line on the pipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Who says it.
    pub pid: u32,
    /// What.
    pub say: Message,
}

/// What a worker reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// A failure was noted; what follows may abort the process before the engine can conclude.
    Provisional {
        /// The failure.
        trace: Box<Trace>,
        /// Executions begun so far.
        executions: u64,
    },
    /// A panic left a destructor during unwinding: the process is about to abort.
    DoublePanic {
        /// Where the second panic came from.
        at: String,
        /// It came from an engine: a checked object refused to be dropped, which the first failure explains.
        engine: bool,
    },
    /// A stack ran into its guard page: the process is about to die.
    StackOverflow {
        /// The worker's own stack, as opposed to a model thread's.
        main: bool,
    },
    /// How far a long search has come.
    Progress {
        /// Complete executions so far.
        executions: u64,
        /// Executions in all, estimated.
        estimate: Option<f64>,
        /// Executions a second.
        rate: f64,
    },
    /// The model forked; the worker ends before the fork happens.
    Forked,
    /// The engine itself panicked.
    EnginePanicked {
        /// Its message.
        message: String,
    },
    /// The engine concluded.
    Done(Box<Conclusion>),
}

/// [`Exploration`] in words, with what the worker saw of the model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Conclusion {
    /// The engine's verdict.
    pub verdict: Verdict,
    /// Complete executions.
    pub executions: u64,
    /// Visible operations over all executions.
    pub steps: u64,
    /// The failing execution.
    pub trace: Option<Trace>,
    /// How the executions came out.
    pub tally: Tally,
    /// `sometimes` properties that were seen.
    pub seen: Vec<String>,
    /// What the first executions looked like.
    pub observed: Observed,
    /// A hash of the model's operations, where it was asked for.
    pub shape: Option<String>,
    /// What making the counterexample shorter took, where that was done.
    pub shortening: Option<Spent>,
}

/// What the worker saw of the model while it ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Most model threads in one execution; 0 if none was recorded (native records nothing).
    pub threads: usize,
    /// Some checked object was used by two threads.
    pub shared: bool,
}

impl Conclusion {
    /// What the engine found out, in words.
    pub fn of(e: Exploration, observed: Observed, shape: Option<String>) -> Self {
        Conclusion {
            verdict: e.verdict,
            executions: e.executions,
            steps: e.steps,
            trace: e.failure.as_deref().map(Trace::of),
            tally: Tally::of(e.outcomes, e.census),
            seen: e.seen.into_iter().map(str::to_owned).collect(),
            observed,
            shape,
            shortening: e.shortening,
        }
    }
}
