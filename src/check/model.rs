//! Models, variants and the catalogue: what is checked, and what each check is declared to say.
//!
//! A [`Model`] is a closed concurrent program with named properties. Each [`Variant`] is one version of the code
//! under it: a scenario function that the engines run over and over. A [`Check`] is one (model, variant, engine,
//! strategy, discipline): one worker process, one row, one test name.
//!
//! ```no_run
//! use selvedge::check::{Catalogue, Kind, Model, Variant, always, sometimes};
//! use selvedge::sync::{Arc, AtomicU32, Ordering, thread};
//!
//! fn increments(atomic: bool) -> &'static str {
//!     let n = Arc::new(AtomicU32::new(0));
//!     let other = {
//!         let n = n.clone();
//!         thread::spawn(move || { n.fetch_add(1, Ordering::Relaxed); })
//!     };
//!     if atomic {
//!         n.fetch_add(1, Ordering::Relaxed);
//!     } else {
//!         let seen = n.load(Ordering::Relaxed);
//!         n.store(seen + 1, Ordering::Relaxed);
//!     }
//!     other.join().unwrap();
//!     let total = n.load(Ordering::Relaxed);
//!     sometimes("both-counted", total == 2);
//!     always("no-lost-update", total == 2, || format!("2 increments counted as {total}"));
//!     "counted"
//! }
//!
//! let catalogue = Catalogue::new().model(
//!     Model::new("counter", "two threads count on one word")
//!         .always("no-lost-update", "every increment is counted")
//!         .sometimes("both-counted", "both increments are seen")
//!         .variant(Variant::buggy("load_store", || increments(false), &[("no-lost-update", Kind::Assertion)]))
//!         .variant(Variant::fixed("fetch_add", || increments(true))),
//! );
//! assert_eq!(catalogue.models().len(), 1);
//! ```

use super::verdict::{Expect, Kind};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// What a scenario returns: a word that names how it came out.
pub type Outcome = Cow<'static, str>;

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
    /// above it can; equals preempt each other freely.
    Priority(Vec<String>),
    /// Threads called [`INTERRUPT`](super::discipline::INTERRUPT) are handlers: delivered at any step outside
    /// [`masked`](super::discipline::masked) sections, and then run to their end. The others preempt each other freely.
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
    /// Seen at least once over all executions: guards against vacuous models.
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
}

/// A scenario: a closed program that returns its outcome. It must be deterministic but for the facade.
pub type Scenario = std::sync::Arc<dyn Fn() -> Outcome + Send + Sync>;

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
}

impl fmt::Debug for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variant").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

fn found(pairs: &[(&str, Kind)]) -> Expect {
    assert!(!pairs.is_empty(), "an expected failure names at least one (property, kind)");
    Expect::Found(pairs.iter().map(|(p, k)| ((*p).to_owned(), *k)).collect())
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
            v.checks.push(Check::new(e, found(pairs)));
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
        self.expect(engine, found(pairs)).tune(engine, |c| Check { because: Some(reason), ..c })
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

    /// Reference counts are the subject: every engine models them.
    pub fn counted_arcs(mut self) -> Self {
        self.counted_arcs = true;
        self
    }
}

/// A closed concurrent program with named properties, in several variants.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its frozen name.
    pub name: &'static str,
    /// What it is about, in one sentence.
    pub title: &'static str,
    /// The incident it belongs to, such as `000`; `None` for models of the primitives and canaries.
    pub incident: Option<&'static str>,
    /// The lesson: the module docs of the model, in Markdown.
    pub lesson: &'static str,
    /// Named properties.
    pub properties: Vec<Property>,
    /// Graded outcomes; an outcome not listed is acceptable.
    pub outcomes: Vec<GradedOutcome>,
    /// Its variants.
    pub variants: Vec<Variant>,
}

impl Model {
    /// A model without properties or variants.
    pub fn new(name: &'static str, title: &'static str) -> Self {
        Model {
            name,
            title,
            incident: None,
            lesson: "",
            properties: Vec::new(),
            outcomes: Vec::new(),
            variants: Vec::new(),
        }
    }
    /// The incident it belongs to.
    pub fn incident(mut self, id: &'static str) -> Self {
        self.incident = Some(id);
        self
    }
    /// Its lesson, in Markdown.
    pub fn lesson(mut self, text: &'static str) -> Self {
        self.lesson = text;
        self
    }
    fn property(mut self, name: &'static str, kind: PropertyKind, sentence: &'static str) -> Self {
        self.properties.push(Property { name, kind, sentence });
        self
    }
    /// A property that must never be violated.
    pub fn always(self, name: &'static str, sentence: &'static str) -> Self {
        self.property(name, PropertyKind::Always, sentence)
    }
    /// A property that must be seen at least once by an exhaustive engine (on fixed variants).
    pub fn sometimes(self, name: &'static str, sentence: &'static str) -> Self {
        self.property(name, PropertyKind::Sometimes, sentence)
    }
    /// A property of bounded progress.
    pub fn eventually(self, name: &'static str, sentence: &'static str) -> Self {
        self.property(name, PropertyKind::Eventually, sentence)
    }
    /// Grades an outcome.
    pub fn outcome(mut self, word: &'static str, grade: Grade, sentence: &'static str) -> Self {
        self.outcomes.push(GradedOutcome { word, grade, sentence });
        self
    }
    /// Adds a variant.
    pub fn variant(mut self, v: Variant) -> Self {
        self.variants.push(v);
        self
    }
}

/// Models, in the order in which they are listed and run.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    models: Vec<Model>,
}

impl Catalogue {
    /// An empty catalogue.
    pub fn new() -> Self {
        Catalogue::default()
    }
    /// Adds a model. Panics if the name of the model, or of a variant within it, is taken: names are identities.
    pub fn model(mut self, m: Model) -> Self {
        assert!(self.models.iter().all(|o| o.name != m.name), "two models are called {}", m.name);
        for (i, v) in m.variants.iter().enumerate() {
            let twice = m.variants[..i].iter().any(|o| o.name == v.name);
            assert!(!twice, "two variants of {} are called {}", m.name, v.name);
        }
        self.models.push(m);
        self
    }
    /// All models.
    pub fn models(&self) -> &[Model] {
        &self.models
    }
}
