//! What each budget may spend, and the seed of each check.
//!
//! Budgets count executions and steps, never seconds, so that results do not depend on the machine.

use super::fingerprint::Fnv;
use crate::check::engine::Plan;
use crate::check::model::{Budget, Check, EngineKind, Strategy, Variant};

/// The seed when none is given.
pub const DEFAULT_SEED: u64 = 1;

/// Visible operations at most in one execution, at every budget: a livelock shows long before.
pub const STEPS: u64 = 10_000;

/// Runs on real threads (quick, standard, deep).
pub const NATIVE_RUNS: [u64; 3] = [200, 2_000, 20_000];

/// Executions under shuttle's sampling strategies (quick, standard, deep).
pub const SAMPLES: [u64; 3] = [2_000, 20_000, 200_000];

/// Where an exhaustive search stops with `engine-limit(executions)` (quick, standard, deep).
pub const EXHAUSTIVE_CAP: [u64; 3] = [200_000, 5_000_000, 200_000_000];

/// Default executions of `engine` under `strategy`.
pub fn executions(engine: EngineKind, strategy: Option<Strategy>, budget: Budget) -> u64 {
    let by_budget = match (engine, strategy) {
        (EngineKind::Native, _) => NATIVE_RUNS,
        (EngineKind::Shuttle, Some(Strategy::Dfs)) => EXHAUSTIVE_CAP,
        (EngineKind::Shuttle, _) => SAMPLES,
        (EngineKind::Loom | EngineKind::Exact, _) => EXHAUSTIVE_CAP,
    };
    by_budget[budget as usize]
}

/// The seed of the check `identity` in a run with `seed`: checks do not share random choices, and adding one
/// does not change the others.
pub fn derive_seed(seed: u64, identity: &str) -> u64 {
    Fnv::default().number(seed).word(identity).finish()
}

/// What `check` may do at `budget`.
pub fn plan(variant: &Variant, check: &Check, budget: Budget, seed: u64) -> Plan {
    let b = budget as usize;
    let default = executions(check.engine, check.strategy, budget);
    Plan {
        strategy: check.strategy.unwrap_or(Strategy::Random),
        seed,
        executions: if check.executions[b] == 0 { default } else { check.executions[b] },
        steps: STEPS,
        preemptions: check.preemptions[b],
        memory: check.memory,
        counted_arcs: variant.counted_arcs,
        discipline: check.discipline.clone(),
        // One job: checks run side by side already; a search that splits itself as well would only contend.
        ..Plan::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_by_check_and_by_run() {
        assert_ne!(derive_seed(1, "a"), derive_seed(1, "b"));
        assert_ne!(derive_seed(1, "a"), derive_seed(2, "a"));
        assert_eq!(derive_seed(1, "a"), derive_seed(1, "a"));
    }

    #[test]
    fn budgets_grow() {
        for e in EngineKind::ALL {
            let n = [Budget::Quick, Budget::Standard, Budget::Deep].map(|b| executions(e, None, b));
            assert!(n[0] > 0 && n[0] < n[1] && n[1] < n[2], "{e:?}: {n:?}");
        }
    }
}
