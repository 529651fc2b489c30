//! Running a closure under an engine, for tests of the facade.

use selvedge::check::Outcome;
use selvedge::check::engine::{Exploration, Explore, Plan};
use selvedge::check::model::Scenario;
use std::sync::Arc;

/// At most `executions`; loom with one preemption; everything else as in the gate.
pub fn plan(executions: u64) -> Plan {
    Plan { seed: 1, executions, steps: 20_000, preemptions: Some(1), ..Plan::default() }
}

pub fn explore<O: Into<Outcome>>(
    engine: Explore,
    plan: &Plan,
    program: impl Fn() -> O + Send + Sync + 'static,
) -> Exploration {
    let scenario: Scenario = Arc::new(move || program().into());
    engine(&scenario, plan)
}
