//! Variants and their checks: one version of the code under a model, and what each engine is declared to say about it.

use super::words::{Budget, Discipline, EngineKind, Memory, Role, Strategy};
use super::{Outcome, Scenario};
use crate::check::verdict::{Expect, Kind};
use std::fmt;

/// One check: an engine with its options, and what it is declared to say about the variant.
#[derive(Clone, Debug)]
pub struct Check {
    /// Who explores.
    pub engine: EngineKind,
    /// How shuttle chooses; `None` for the other engines.
    pub strategy: Option<Strategy>,
    /// What the scheduler may do.
    pub discipline: Discipline,
    /// What it must conclude, at every budget.
    pub expect: Expect,
    /// Executions at most, by budget (quick, standard, deep); 0 = the engine's default.
    pub executions: [u64; 3],
    /// loom's preemption bound, by budget; `None` = unbounded. The verdict is then `bounded(k)`.
    pub preemptions: [Option<u32>; 3],
    /// The exact engine's memory model.
    pub memory: Memory,
    /// Smallest budget at which the check runs.
    pub from: Budget,
    /// Why the engine is expected to say something else than the truth, where `expect` does not give a reason.
    pub because: Option<&'static str>,
    /// `sometimes` properties that cannot be seen here, beside those of the variant, and why.
    pub never_sees: Vec<(&'static str, &'static str)>,
}

impl Check {
    /// A check by `engine` with its defaults.
    pub fn new(engine: EngineKind, expect: Expect) -> Self {
        Check {
            engine,
            strategy: (engine == EngineKind::Shuttle).then_some(Strategy::Random),
            discipline: Discipline::Preemptive,
            expect,
            executions: [0; 3],
            preemptions: [None; 3],
            memory: Memory::Rc11,
            from: Budget::Quick,
            because: None,
            never_sees: Vec::new(),
        }
    }
    /// The same check with another strategy (shuttle).
    pub fn strategy(mut self, s: Strategy) -> Self {
        self.strategy = Some(s);
        self
    }
    /// shuttle, every execution that the discipline allows.
    pub fn on_one_cpu(discipline: Discipline, expect: Expect) -> Self {
        Check { discipline, ..Check::new(EngineKind::Shuttle, expect).strategy(Strategy::Dfs) }
    }
    /// The same check under another discipline (shuttle).
    pub fn discipline(mut self, d: Discipline) -> Self {
        self.discipline = d;
        self
    }
    /// Executions at most, by budget.
    pub fn executions(mut self, quick: u64, standard: u64, deep: u64) -> Self {
        self.executions = [quick, standard, deep];
        self
    }
    /// loom's preemption bound, by budget.
    pub fn preemptions(mut self, quick: Option<u32>, standard: Option<u32>, deep: Option<u32>) -> Self {
        self.preemptions = [quick, standard, deep];
        self
    }
    /// The exact engine's memory model.
    pub fn memory(mut self, m: Memory) -> Self {
        self.memory = m;
        self
    }
    /// Run only from this budget on.
    pub fn from(mut self, b: Budget) -> Self {
        self.from = b;
        self
    }
    /// This `sometimes` property cannot be seen under this engine or discipline, for this reason. Red if it is seen.
    pub fn never_sees(mut self, property: &'static str, because: &'static str) -> Self {
        self.never_sees.push((property, because));
        self
    }
}

/// One version of the code under a model.
#[derive(Clone)]
pub struct Variant {
    /// Its frozen name.
    pub name: &'static str,
    /// Its role.
    pub role: Role,
    /// What the engines run.
    pub scenario: Scenario,
    /// One sentence: what it is; for a wrong fix, why it looks right.
    pub about: &'static str,
    /// Its checks.
    pub checks: Vec<Check>,
    /// Are reference counts modelled (`Arc` is the subject), or only a source of happens-before?
    pub counted_arcs: bool,
    /// `sometimes` properties of the model that this variant can never show, and why.
    pub never_sees: Vec<(&'static str, &'static str)>,
}

impl fmt::Debug for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variant").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Variant {
    /// A variant without checks.
    pub fn new<O: Into<Outcome>>(
        name: &'static str,
        role: Role,
        scenario: impl Fn() -> O + Send + Sync + 'static,
    ) -> Self {
        Variant {
            name,
            role,
            scenario: std::sync::Arc::new(move || scenario().into()),
            about: "",
            checks: Vec::new(),
            counted_arcs: false,
            never_sees: Vec::new(),
        }
    }

    fn failing<O: Into<Outcome>>(
        name: &'static str,
        role: Role,
        scenario: impl Fn() -> O + Send + Sync + 'static,
        pairs: &[(&str, Kind)],
    ) -> Self {
        let mut v = Variant::new(name, role, scenario);
        for e in [EngineKind::Loom, EngineKind::Shuttle, EngineKind::Exact] {
            v.checks.push(Check::new(e, Expect::found(pairs)));
        }
        v
    }

    /// The code of the incident: loom, shuttle (random) and exact must each find one of `pairs`.
    pub fn buggy<O: Into<Outcome>>(
        name: &'static str,
        scenario: impl Fn() -> O + Send + Sync + 'static,
        pairs: &[(&str, Kind)],
    ) -> Self {
        Variant::failing(name, Role::Buggy, scenario, pairs)
    }

    /// A plausible fix that does not hold: checked as [`Variant::buggy`].
    pub fn wrong_fix<O: Into<Outcome>>(
        name: &'static str,
        scenario: impl Fn() -> O + Send + Sync + 'static,
        pairs: &[(&str, Kind)],
    ) -> Self {
        Variant::failing(name, Role::WrongFix, scenario, pairs)
    }

    /// A fix that holds: native and shuttle (random) find nothing, loom and exact exhaust it.
    pub fn fixed<O: Into<Outcome>>(
        name: &'static str,
        scenario: impl Fn() -> O + Send + Sync + 'static,
    ) -> Self {
        let mut v = Variant::new(name, Role::Fixed, scenario);
        v.checks.push(Check::new(EngineKind::Native, Expect::NotFound));
        v.checks.push(Check::new(EngineKind::Loom, Expect::Exhausted));
        v.checks.push(Check::new(EngineKind::Shuttle, Expect::NotFound));
        v.checks.push(Check::new(EngineKind::Exact, Expect::Exhausted));
        v
    }

    /// Makes a canary of it: the same checks but the native one, which is for fixed variants alone.
    pub fn canary(mut self) -> Self {
        self.role = Role::Canary;
        self.without(EngineKind::Native)
    }

    /// One sentence about it.
    pub fn about(mut self, sentence: &'static str) -> Self {
        self.about = sentence;
        self
    }

    /// Adds a check.
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Replaces what the checks by `engine` are declared to say.
    pub fn expect(mut self, engine: EngineKind, expect: Expect) -> Self {
        for c in self.checks.iter_mut().filter(|c| c.engine == engine) {
            c.expect = expect.clone();
        }
        self
    }

    /// `engine` cannot see the fault (or run the model), for this reason. It still runs, and is red if it can.
    pub fn out_of_reach(self, engine: EngineKind, reason: &str) -> Self {
        self.expect(engine, Expect::OutOfReach(reason.to_owned()))
    }

    /// The program is right, and `engine` reports one of `pairs` all the same, for this reason.
    pub fn false_alarm(self, engine: EngineKind, reason: &'static str, pairs: &[(&str, Kind)]) -> Self {
        self.expect(engine, Expect::found(pairs)).tune(engine, |c| Check { because: Some(reason), ..c })
    }

    /// Changes the checks by `engine`.
    pub fn tune(mut self, engine: EngineKind, change: impl Fn(Check) -> Check) -> Self {
        self.checks =
            self.checks.into_iter().map(|c| if c.engine == engine { change(c) } else { c }).collect();
        self
    }

    /// loom with a preemption bound, which makes `bounded(k)` of `exhausted`.
    pub fn loom_bounded(self, quick: u32, standard: u32, deep: Option<u32>) -> Self {
        let v = self.tune(EngineKind::Loom, |c| c.preemptions(Some(quick), Some(standard), deep));
        if v.role == Role::Fixed && deep.is_some() { v.expect(EngineKind::Loom, Expect::Bounded) } else { v }
    }

    /// Removes the checks by `engine`.
    pub fn without(mut self, engine: EngineKind) -> Self {
        self.checks.retain(|c| c.engine != engine);
        self
    }

    /// This `sometimes` property of the model cannot be seen in this variant, for this reason. Red if it is seen.
    pub fn never_sees(mut self, property: &'static str, because: &'static str) -> Self {
        self.never_sees.push((property, because));
        self
    }

    /// Reference counts are the subject: every engine models them.
    pub fn counted_arcs(mut self) -> Self {
        self.counted_arcs = true;
        self
    }
}
