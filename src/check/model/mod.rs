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

mod variant;
mod words;

pub use variant::{Check, Variant};
pub use words::{
    Budget, Discipline, EngineKind, Grade, GradedOutcome, Memory, Property, PropertyKind, Role, Strategy,
};

use super::verdict::{Expect, Kind};
use std::borrow::Cow;

/// What a scenario returns: a word that names how it came out.
pub type Outcome = Cow<'static, str>;

/// A scenario: a closed program that returns its outcome. It must be deterministic but for the facade.
pub type Scenario = std::sync::Arc<dyn Fn() -> Outcome + Send + Sync>;

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
    /// What shows that properties can fail which no variant violates: see [`Model::falsifier`].
    pub falsifiers: Vec<Variant>,
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
            falsifiers: Vec::new(),
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
    /// A property that must be seen at least once by every check that is declared `exhausted` or `bounded`, whatever
    /// the role of its variant: "clean on one processor" says nothing of a search in which nothing happened. Where it
    /// cannot be seen, [`Variant::never_sees`] or [`Check::never_sees`] says why, and is held to it.
    ///
    /// Checks that end in `not-found` are not asked: what so many executions meet depends on the seed under shuttle,
    /// whose rows say what they have not met, and on the machine under `native`, which is silent about it: with 200
    /// executions on real threads most models never meet their rarer marks, and the same seed is to print the same lines.
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
    /// Shows that a property can fail which no variant is found to violate: a change of the code, said by `about`, in which
    /// the exact engine must find that this property is violated.
    ///
    /// It is named as the property, and no part of the catalogue: [`Catalogue::falsifiers`] makes one of them, to be run as
    /// tests. A property that neither a variant nor a falsifier violates says nothing.
    pub fn falsifier<O: Into<Outcome>>(
        mut self,
        property: &'static str,
        kind: Kind,
        scenario: impl Fn() -> O + Send + Sync + 'static,
        about: &'static str,
    ) -> Self {
        let check = Check::new(EngineKind::Exact, Expect::found(&[(property, kind)]));
        self.falsifiers.push(Variant::new(property, Role::Buggy, scenario).about(about).check(check));
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
    /// The models that have [falsifiers](Model::falsifier), with these for variants.
    pub fn falsifiers(&self) -> Catalogue {
        let falsified =
            |m: &Model| Model { variants: m.falsifiers.clone(), falsifiers: Vec::new(), ..m.clone() };
        let models = self.models.iter().filter(|m| !m.falsifiers.is_empty()).map(falsified);
        models.fold(Catalogue::new(), Catalogue::model)
    }
}
