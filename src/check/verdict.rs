//! Verdicts: what a check concluded, in the frozen words, and what it was expected to conclude.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a property was violated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A named property or an `assert!` was false.
    Assertion,
    /// Two unordered accesses, one of them a write, one of them plain.
    DataRace,
    /// A cycle of threads that wait for each other, or a join that cannot return.
    Deadlock,
    /// The same states repeat and nobody makes progress.
    Livelock,
    /// A thread waits on a condition variable, a park or a flag with no one left to wake it.
    LostWakeup,
    /// Something counted or tracked outlived the execution.
    Leak,
    /// A tracked value was used after its owner left scope.
    UseAfterFree,
    /// A tracked value was destroyed twice.
    DoubleFree,
    /// A one-shot was completed twice.
    DoubleCompletion,
    /// Any other panic.
    Panic,
}

impl Kind {
    /// The frozen word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Assertion => "assertion",
            Kind::DataRace => "data-race",
            Kind::Deadlock => "deadlock",
            Kind::Livelock => "livelock",
            Kind::LostWakeup => "lost-wakeup",
            Kind::Leak => "leak",
            Kind::UseAfterFree => "use-after-free",
            Kind::DoubleFree => "double-free",
            Kind::DoubleCompletion => "double-completion",
            Kind::Panic => "panic",
        }
    }

    /// The property that a failure of this kind violates when the model names none.
    pub fn implied_property(self) -> &'static str {
        match self {
            Kind::Assertion | Kind::Panic => "no-panic",
            Kind::DataRace => "race-free",
            Kind::Deadlock => "deadlock-free",
            Kind::Livelock => "progress",
            Kind::LostWakeup => "no-lost-wakeup",
            Kind::Leak => "leak-free",
            Kind::UseAfterFree => "no-use-after-free",
            Kind::DoubleFree => "no-double-free",
            Kind::DoubleCompletion => "completes-once",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a check concluded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Every execution of the model was explored, within the engine's stated fidelity.
    Exhausted,
    /// Every execution within the stated bound (preemptions) was explored.
    Bounded {
        /// The bound.
        k: u32,
    },
    /// `n` executions without a violation; proves nothing.
    NotFound {
        /// Executions.
        n: u64,
    },
    /// A counterexample.
    Found {
        /// The violated property's name.
        property: String,
        /// How.
        kind: Kind,
    },
    /// This engine cannot see this.
    OutOfReach {
        /// Why, and what to use instead.
        reason: String,
    },
    /// A branch, step or thread limit was hit. Never satisfies an expected failure.
    EngineLimit {
        /// Which.
        what: String,
    },
    /// Time or memory spent, or the model was not deterministic, or nothing was explored.
    Inconclusive {
        /// Which.
        why: String,
    },
    /// The worker died.
    Crashed {
        /// How.
        how: String,
    },
}

impl Verdict {
    /// A violation of `property`, or of the property that `kind` implies.
    pub fn found(property: Option<&str>, kind: Kind) -> Self {
        Verdict::Found { property: property.unwrap_or(kind.implied_property()).to_owned(), kind }
    }

    /// The frozen word, without its argument.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Exhausted => "exhausted",
            Verdict::Bounded { .. } => "bounded",
            Verdict::NotFound { .. } => "not-found",
            Verdict::Found { .. } => "found",
            Verdict::OutOfReach { .. } => "out-of-reach",
            Verdict::EngineLimit { .. } => "engine-limit",
            Verdict::Inconclusive { .. } => "inconclusive",
            Verdict::Crashed { .. } => "crashed",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Exhausted => write!(f, "exhausted"),
            Verdict::Bounded { k } => write!(f, "bounded({k})"),
            Verdict::NotFound { n } => write!(f, "not-found({n})"),
            Verdict::Found { property, .. } => write!(f, "found({property})"),
            Verdict::OutOfReach { reason } => write!(f, "out-of-reach({reason})"),
            Verdict::EngineLimit { what } => write!(f, "engine-limit({what})"),
            Verdict::Inconclusive { why } => write!(f, "inconclusive({why})"),
            Verdict::Crashed { how } => write!(f, "crashed({how})"),
        }
    }
}

/// What a check is declared to conclude. Arguments (`k`, `n`, reasons) are not compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expect {
    /// `exhausted`.
    Exhausted,
    /// `bounded(k)`.
    Bounded,
    /// `not-found(n)`.
    NotFound,
    /// `found(..)` with one of these (property, kind) pairs; never empty.
    Found(Vec<(String, Kind)>),
    /// `out-of-reach(..)`: the engine cannot see the fault, for the reason given. The engine still runs; what
    /// it must do is *not find* a fault, or refuse the model for a typed reason. It is red when it does see it.
    OutOfReach(String),
    /// `engine-limit(..)`.
    EngineLimit(String),
}

impl Expect {
    /// `found(..)` with one of these pairs.
    pub fn found(pairs: &[(&str, Kind)]) -> Expect {
        assert!(!pairs.is_empty(), "an expected failure names at least one (property, kind)");
        Expect::Found(pairs.iter().map(|(p, k)| ((*p).to_owned(), *k)).collect())
    }

    /// Is `got` as declared? `out-of-reach` accepts a refusal by the engine, and a run that saw nothing.
    pub fn accepts(&self, got: &Verdict) -> bool {
        match (self, got) {
            (Expect::Exhausted, Verdict::Exhausted) => true,
            (Expect::Bounded, Verdict::Bounded { .. }) => true,
            (Expect::NotFound, Verdict::NotFound { .. }) => true,
            (Expect::Found(set), Verdict::Found { property, kind }) => {
                set.iter().any(|(p, k)| p == property && k == kind)
            }
            (Expect::OutOfReach(_), Verdict::OutOfReach { .. }) => true,
            (Expect::EngineLimit(_), Verdict::EngineLimit { .. }) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expect::Exhausted => write!(f, "exhausted"),
            Expect::Bounded => write!(f, "bounded"),
            Expect::NotFound => write!(f, "not-found"),
            Expect::Found(set) => {
                write!(f, "found(")?;
                for (i, (p, k)) in set.iter().enumerate() {
                    write!(f, "{}{p}: {k}", if i > 0 { " | " } else { "" })?;
                }
                write!(f, ")")
            }
            Expect::OutOfReach(r) => write!(f, "out-of-reach({r})"),
            Expect::EngineLimit(w) => write!(f, "engine-limit({w})"),
        }
    }
}
