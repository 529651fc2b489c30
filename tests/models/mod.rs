//! Running a closure under an engine, for tests of the facade.

use selvedge::check::engine::{Exploration, Explore, Plan};
use selvedge::check::model::{Discipline, Scenario};
use selvedge::check::{Memory, Outcome, Strategy};
use std::sync::Arc;

/// At most `executions`; loom with one preemption; everything else as in the gate.
pub fn plan(executions: u64) -> Plan {
    Plan {
        strategy: Strategy::Random,
        seed: 1,
        executions,
        steps: 20_000,
        preemptions: Some(1),
        memory: Memory::Rc11,
        counted_arcs: false,
        discipline: Discipline::default(),
        jobs: 1,
        shard: None,
    }
}

pub fn explore<O: Into<Outcome>>(
    engine: Explore,
    plan: &Plan,
    program: impl Fn() -> O + Send + Sync + 'static,
) -> Exploration {
    let scenario: Scenario = Arc::new(move || program().into());
    engine(&scenario, plan)
}
