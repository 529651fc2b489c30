//! The words of a catalogue: roles, engines, strategies, disciplines, budgets, memory models, properties and grades. Most
//! are frozen: they are what the command line, the JSON output and the tables say.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The role of a variant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The code of the incident, or a miniature of it. Must fail.
    Buggy,
    /// A fix that looks right and is not. Must fail.
    WrongFix,
    /// A fix that holds. Must not fail.
    Fixed,
    /// Shows what an engine can or cannot see.
    Canary,
}

impl Role {
    /// The frozen word.
    pub fn word(self) -> &'static str {
        match self {
            Role::Buggy => "buggy",
            Role::WrongFix => "wrong-fix",
            Role::Fixed => "fixed",
            Role::Canary => "canary",
        }
    }
}

/// Who explores.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EngineKind {
    /// Real threads, a fixed number of runs.
    Native,
    /// loom 0.7.2.
    Loom,
    /// shuttle 0.9.9.
    Shuttle,
    /// Selvedge's own explorer.
    Exact,
}

impl EngineKind {
    /// All, in the order of the tables.
    pub const ALL: [EngineKind; 4] =
        [EngineKind::Native, EngineKind::Loom, EngineKind::Shuttle, EngineKind::Exact];

    /// The frozen word.
    pub fn word(self) -> &'static str {
        match self {
            EngineKind::Native => "native",
            EngineKind::Loom => "loom",
            EngineKind::Shuttle => "shuttle",
            EngineKind::Exact => "exact",
        }
    }
}

/// How shuttle chooses the next thread.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Strategy {
    /// Uniform over the runnable threads at each step.
    Random,
    /// Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010).
    Pct,
    /// Uniform random walk over interleavings.
    Urw,
    /// Every interleaving, depth first.
    Dfs,
}

impl Strategy {
    /// The frozen word.
    pub fn word(self) -> &'static str {
        match self {
            Strategy::Random => "random",
            Strategy::Pct => "pct",
            Strategy::Urw => "urw",
            Strategy::Dfs => "dfs",
        }
    }
}

/// What a scheduler may do.
///
/// All but the first mean one processor, on which nothing happens at the same time: data races are not looked for, what
/// is seen is wrong values, lifetimes and who waits for whom. They need shuttle.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Discipline {
    /// SMP: any thread may run at any step.
    #[default]
    Preemptive,
    /// Greenthreads: a switch only at a declared yield or I/O, and where a thread blocks or ends.
    Cooperative,
    /// Strict priorities: the threads with these names, highest first, then all others. A thread runs only while nobody
    /// above it can; equals preempt each other freely. The scenario's own thread is called `main`. Interrupt handlers are
    /// above everybody: delivered at any step, and then run until they end or must wait for a lock.
    Priority(Vec<String>),
    /// Threads called [`INTERRUPT`](crate::check::discipline::INTERRUPT) are handlers: delivered at any step outside
    /// [`masked`](crate::check::discipline::masked) sections, and then run to their end. The others preempt each other freely.
    Interrupt,
}

impl Discipline {
    /// Strict priorities, highest first.
    pub fn priority<const N: usize>(names: [&str; N]) -> Self {
        Discipline::Priority(names.map(str::to_owned).to_vec())
    }
}

impl fmt::Display for Discipline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Discipline::Preemptive => f.write_str("preemptive"),
            Discipline::Cooperative => f.write_str("cooperative"),
            Discipline::Priority(names) => write!(f, "priority({})", names.join(">")),
            Discipline::Interrupt => f.write_str("interrupt"),
        }
    }
}

/// How much a check may spend. Budgets count executions and steps, never seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Budget {
    /// The gate's default: the whole catalogue within a minute on two cores.
    Quick,
    /// Some minutes.
    Standard,
    /// A nightly run.
    Deep,
}

impl Budget {
    /// The frozen word.
    pub fn word(self) -> &'static str {
        match self {
            Budget::Quick => "quick",
            Budget::Standard => "standard",
            Budget::Deep => "deep",
        }
    }
}

/// Which memory model the exact engine explores.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Memory {
    /// RC11 (Lahav, Vafeiadis, Kang, Hur, Dreyer, PLDI 2017) with C++20 release sequences.
    #[default]
    Rc11,
    /// Sequential consistency.
    Sc,
}

/// When a property must hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PropertyKind {
    /// Never violated.
    Always,
    /// Seen at least once over all executions of a search that explored all: guards against vacuous models.
    Sometimes,
    /// Bounded progress.
    Eventually,
}

/// A named property of a model.
#[derive(Clone, Debug)]
pub struct Property {
    /// Its name, as used in verdicts.
    pub name: &'static str,
    /// When it must hold.
    pub kind: PropertyKind,
    /// What it says, in one sentence.
    pub sentence: &'static str,
}

/// How an outcome is graded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grade {
    /// Ordinary.
    Acceptable,
    /// Legal, but the reader should know.
    Interesting,
    /// Must not happen: seeing it violates the property `outcome`.
    Forbidden,
}

impl Grade {
    /// Its word in tables and files.
    pub fn word(self) -> &'static str {
        match self {
            Grade::Acceptable => "acceptable",
            Grade::Interesting => "interesting",
            Grade::Forbidden => "forbidden",
        }
    }
}

/// A graded outcome of a model.
#[derive(Clone, Debug)]
pub struct GradedOutcome {
    /// The word that scenarios return.
    pub word: &'static str,
    /// Its grade.
    pub grade: Grade,
    /// The author's sentence.
    pub sentence: &'static str,
}
