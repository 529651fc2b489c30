//! What the tests of the engines share.
#![allow(dead_code)]

pub mod oracle;

use selvedge::check::engine::{Exploration, Plan, exact};
use selvedge::check::model::{Memory, Scenario};
use selvedge::check::{Outcome, Verdict};
use std::collections::BTreeSet;
use std::sync::Arc;

pub fn plan() -> Plan {
    Plan { executions: 1_000_000, ..Plan::default() }
}

pub fn scenario<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static) -> Scenario {
    Arc::new(move || f().into())
}

pub fn exact<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static) -> Exploration {
    exact::explore(&scenario(f), &plan())
}

pub fn exact_sc<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static) -> Exploration {
    exact::explore(&scenario(f), &Plan { memory: Memory::Sc, ..plan() })
}

/// Exhausted, with that many executions.
#[track_caller]
pub fn counts(x: &Exploration, executions: u64) {
    assert_eq!(
        (&x.verdict, x.executions),
        (&Verdict::Exhausted, executions),
        "{:?}",
        x.failure.as_ref().map(|f| &f.message)
    );
}

pub fn outcomes(x: &Exploration) -> BTreeSet<String> {
    x.outcomes.keys().map(|o| o.to_string()).collect()
}
