//! The engines as they are put to the test.

use crate::check::engine::Plan;
use crate::check::model::{EngineKind, Memory, Strategy};
use crate::check::runner::budget::STEPS;

/// An engine, and the memory model that it is measured against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The engine.
    pub engine: EngineKind,
    /// Which model's outcomes it has to show. The exact engine explores just that model; the others explore what
    /// they explore.
    pub memory: Memory,
    /// Executions at most. Programs are small: an exhaustive engine that needs more has a gap of its own.
    executions: u64,
}

/// In the order of the table; the exact engine under RC11, which has to agree with the model, comes last.
pub const SUBJECTS: [Subject; 4] = [
    Subject { engine: EngineKind::Loom, memory: Memory::Rc11, executions: 15_000 },
    Subject { engine: EngineKind::Shuttle, memory: Memory::Rc11, executions: 2_000_000 },
    Subject { engine: EngineKind::Exact, memory: Memory::Sc, executions: 100_000 },
    Subject { engine: EngineKind::Exact, memory: Memory::Rc11, executions: 100_000 },
];

impl Subject {
    /// `rc11` or `sc`.
    pub fn memory_word(&self) -> &'static str {
        match self.memory {
            Memory::Rc11 => "rc11",
            Memory::Sc => "sc",
        }
    }

    /// What it may do: everything, up to its limit.
    pub fn plan(&self) -> Plan {
        Plan {
            strategy: Strategy::Dfs,
            executions: self.executions,
            steps: STEPS,
            memory: self.memory,
            ..Plan::default()
        }
    }
}
