//! Cases: the checks of a catalogue, resolved for a budget and selected.

use super::budget;
use crate::check::engine::Plan;
use crate::check::model::{Budget, Catalogue, Check, Discipline, EngineKind, Grade, Model};
use crate::check::model::{PropertyKind, Role, Strategy, Variant};
use crate::check::verdict::Expect;

/// One check with everything that its worker and its report need to know.
#[derive(Clone, Debug)]
pub struct Case {
    /// The model's name.
    pub model: String,
    /// The incident it belongs to.
    pub incident: Option<String>,
    /// The variant's name.
    pub variant: String,
    /// The variant's role.
    pub role: Role,
    /// Who explores.
    pub engine: EngineKind,
    /// How shuttle chooses.
    pub strategy: Option<Strategy>,
    /// What the scheduler may do.
    pub discipline: Discipline,
    /// Which of several otherwise equal checks of the variant this is, from 0.
    pub nth: usize,
    /// What it must conclude.
    pub expect: Expect,
    /// Why that is something else than the truth, where `expect` gives no reason.
    pub because: Option<&'static str>,
    /// What it may do.
    pub plan: Plan,
    /// `sometimes` properties that must be seen.
    pub sometimes: Vec<String>,
    /// Those that are declared never to be seen here, and why.
    pub never_seen: Vec<(&'static str, &'static str)>,
    /// Outcomes that the model forbids.
    pub forbidden: Vec<String>,
    /// Every check of the variant is declared out of reach: then nobody looks at it, and that is a fault.
    pub nobody_looks: bool,
}

impl Case {
    /// `model::variant::engine[::strategy][::discipline]`, the name of the test.
    pub fn test_name(&self) -> String {
        self.joined("::")
    }

    /// `model/variant/engine[/strategy][/discipline]`, the identity of the check.
    pub fn identity(&self) -> String {
        self.joined("/")
    }

    fn joined(&self, by: &str) -> String {
        let mut s = [&self.model, &self.variant, self.engine.word()].map(str::to_owned).join(by);
        for part in self.strategy.map(Strategy::word).into_iter() {
            s = s + by + part;
        }
        if self.discipline != Discipline::default() {
            s = s + by + &self.discipline.to_string();
        }
        if self.nth > 0 {
            s = s + by + &(self.nth + 1).to_string();
        }
        s
    }
}

/// Which checks to run. `Selection::default()` is the whole catalogue at the quick budget.
#[derive(Clone, Debug)]
pub struct Selection {
    /// A substring of `model/variant`.
    pub filter: Option<String>,
    /// Only this engine.
    pub engine: Option<EngineKind>,
    /// How much each check may spend.
    pub budget: Budget,
    /// Seed of every random choice.
    pub seed: u64,
}

impl Default for Selection {
    fn default() -> Self {
        Selection { filter: None, engine: None, budget: Budget::Quick, seed: budget::DEFAULT_SEED }
    }
}

/// `--cfg loom` and `--cfg shuttle` leave one engine.
pub fn only_engine() -> Option<EngineKind> {
    if cfg!(loom) {
        Some(EngineKind::Loom)
    } else if cfg!(shuttle) {
        Some(EngineKind::Shuttle)
    } else {
        None
    }
}

/// The selected cases, in catalogue order.
pub fn select(catalogue: &Catalogue, selection: &Selection) -> Vec<Case> {
    let mut cases = Vec::new();
    for model in catalogue.models() {
        for variant in &model.variants {
            let name = format!("{}/{}", model.name, variant.name);
            if selection.filter.as_ref().is_some_and(|f| !name.contains(f.as_str())) {
                continue;
            }
            let of_variant = variant.checks.iter().filter(|c| {
                c.from <= selection.budget
                    && selection.engine.is_none_or(|e| e == c.engine)
                    && only_engine().is_none_or(|e| e == c.engine)
            });
            let start = cases.len();
            for check in of_variant {
                let case = resolve(model, variant, check, selection, &cases[start..]);
                cases.push(case);
            }
        }
    }
    cases
}

fn resolve(model: &Model, variant: &Variant, check: &Check, selection: &Selection, before: &[Case]) -> Case {
    let looks = |c: &Check| !matches!(c.expect, Expect::OutOfReach(_));
    let never_seen = [&*variant.never_sees, &*check.never_sees].concat();
    let never = |name: &str| never_seen.iter().any(|(p, _)| *p == name);
    let sometimes = marks(model).filter(|p| !never(p));
    let forbidden = model.outcomes.iter().filter(|o| o.grade == Grade::Forbidden);
    let nth = before
        .iter()
        .filter(|c| {
            (c.engine, c.strategy, &c.discipline) == (check.engine, check.strategy, &check.discipline)
        })
        .count();
    let mut case = Case {
        model: model.name.to_owned(),
        incident: model.incident.map(str::to_owned),
        variant: variant.name.to_owned(),
        role: variant.role,
        engine: check.engine,
        strategy: check.strategy,
        discipline: check.discipline.clone(),
        nth,
        expect: check.expect.clone(),
        because: check.because,
        plan: budget::plan(variant, check, selection.budget, 0),
        sometimes: sometimes.map(str::to_owned).collect(),
        never_seen: never_seen.clone(),
        forbidden: forbidden.map(|o| o.word.to_owned()).collect(),
        nobody_looks: !variant.checks.iter().any(looks),
    };
    case.plan.seed = budget::derive_seed(selection.seed, &case.identity());
    case
}

/// The `sometimes` properties that a model declares.
fn marks(model: &Model) -> impl Iterator<Item = &'static str> {
    model.properties.iter().filter(|p| p.kind == PropertyKind::Sometimes).map(|p| p.name)
}

/// What is wrong with the catalogue itself, in one line.
pub fn validate(catalogue: &Catalogue) -> Result<(), String> {
    for model in catalogue.models() {
        for v in &model.variants {
            let native = v.checks.iter().any(|c| c.engine == EngineKind::Native);
            if native && v.role != Role::Fixed {
                return Err(format!(
                    "the catalogue has a native check of {}/{}, which is {}: native runs fixed variants only, \
                     others may be undefined behaviour on real threads",
                    model.name,
                    v.name,
                    v.role.word(),
                ));
            }
            let strict =
                |c: &&Check| c.discipline != Discipline::Preemptive && c.engine != EngineKind::Shuttle;
            if let Some(c) = v.checks.iter().find(strict) {
                return Err(format!(
                    "the catalogue has a check of {}/{} by {} under the discipline {}, which shuttle alone keeps",
                    model.name,
                    v.name,
                    c.engine.word(),
                    c.discipline,
                ));
            }
            let never = v.never_sees.iter().chain(v.checks.iter().flat_map(|c| &c.never_sees));
            if let Some((p, _)) = never.into_iter().find(|(p, _)| !marks(model).any(|name| name == *p)) {
                return Err(format!(
                    "the catalogue declares that {}/{} never sees `{p}`, which is no `sometimes` property of the model",
                    model.name, v.name,
                ));
            }
            if v.checks.is_empty() {
                return Err(format!("the catalogue has no check of {}/{}", model.name, v.name));
            }
        }
    }
    Ok(())
}

/// Keeps shard `k` (1-based) of `n`: every n-th case, so that each shard gets its part of every model.
pub fn shard(cases: Vec<Case>, k: usize, n: usize) -> Vec<Case> {
    cases.into_iter().skip(k - 1).step_by(n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::verdict::Kind;

    fn catalogue() -> Catalogue {
        Catalogue::new().model(
            Model::new("m", "about m")
                .variant(Variant::buggy("b", || "x", &[("p", Kind::Assertion)]))
                .variant(Variant::fixed("f", || "x").out_of_reach(EngineKind::Loom, "no"))
                .variant(
                    Variant::new("o", Role::Canary, || "x")
                        .check(Check::new(EngineKind::Loom, Expect::OutOfReach("no".into()))),
                ),
        )
    }

    #[test]
    fn shards_partition_the_selection() {
        let all = select(&catalogue(), &Selection::default());
        let mut seen: Vec<String> = Vec::new();
        for k in 1..=3 {
            seen.extend(shard(all.clone(), k, 3).iter().map(Case::identity));
        }
        seen.sort();
        let mut want: Vec<String> = all.iter().map(Case::identity).collect();
        want.sort();
        assert_eq!(seen, want);
    }

    #[test]
    fn a_variant_that_nobody_looks_at_is_known() {
        let all = select(&catalogue(), &Selection::default());
        for c in all {
            assert_eq!(c.nobody_looks, c.variant == "o", "{}", c.identity());
        }
    }

    #[test]
    fn native_refuses_a_buggy_variant() {
        let v = Variant::buggy("b", || "x", &[("p", Kind::Assertion)])
            .check(Check::new(EngineKind::Native, Expect::NotFound));
        let err = validate(&Catalogue::new().model(Model::new("m", "").variant(v))).unwrap_err();
        assert!(err.contains("m/b, which is buggy"), "{err}");
    }

    // With a row of each engine: the lanes leave one.
    #[cfg(not(any(loom, shuttle)))]
    #[test]
    fn what_is_never_seen_is_not_asked_for_and_must_exist() {
        let model = || Model::new("m", "").sometimes("here", "").sometimes("there", "");
        let one = |p| {
            let check = Check::new(EngineKind::Exact, Expect::Exhausted).never_sees(p, "for this reason");
            Variant::new("v", Role::Fixed, || "x")
                .check(check)
                .check(Check::new(EngineKind::Loom, Expect::Exhausted))
        };
        let good = Catalogue::new().model(model().variant(one("here")));
        assert_eq!(validate(&good), Ok(()));
        let asked: Vec<_> = select(&good, &Selection::default()).into_iter().map(|c| c.sometimes).collect();
        assert_eq!(asked, [vec!["there"], vec!["here", "there"]]);
        let err = validate(&Catalogue::new().model(model().variant(one("elsewhere")))).unwrap_err();
        assert!(err.contains("m/v never sees `elsewhere`"), "{err}");
    }
}
