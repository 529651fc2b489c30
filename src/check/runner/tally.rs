//! How the executions of a check came out: by outcome and by violation, how often, and one execution of each outcome in
//! words. An engine that has a whole search behind it can say what is impossible; any other merely has not seen it.

use super::trace::{Trace, TraceEvent};
use crate::check::arrange;
use crate::check::engine::Census;
use crate::check::model::Outcome;
use crate::check::run::{Execution, Failure};
use crate::check::verdict::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Outcomes with a witness, at most: a word with a number in it makes many.
const WITNESSES: usize = 32;

/// How the executions of a check came out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// It counts every execution, those that end in a violation up to there.
    pub whole: bool,
    /// Outcomes of complete executions.
    pub outcomes: Vec<Seen>,
    /// Executions that end in a violation.
    pub violations: Vec<Violated>,
}

/// An outcome.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// The word that the scenario returned.
    pub word: String,
    /// How often.
    pub count: u64,
    /// An execution that comes out so.
    pub witness: Option<Witness>,
}

/// A violation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Violated {
    /// The property.
    pub property: String,
    /// How.
    pub kind: Kind,
    /// How often.
    pub count: u64,
}

/// A complete execution in words.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Witness {
    /// The names of its threads.
    pub threads: Vec<String>,
    /// Everything that happened, in an order with few switches.
    pub events: Vec<TraceEvent>,
}

impl Witness {
    fn of(mut e: Execution) -> Witness {
        e.events = arrange::tidied(&e.events);
        let t = Trace::of(&Failure {
            property: String::new(),
            kind: Kind::Assertion,
            message: String::new(),
            thread: None,
            sites: Vec::new(),
            threads: e.threads,
            objects: e.objects,
            events: e.events,
            notes: e.notes,
            schedule: Vec::new(),
            least: None,
            minimal: String::new(),
            repeats: Default::default(),
            passing: None,
            flip: Default::default(),
        });
        Witness { threads: t.threads.into_iter().map(|t| t.name).collect(), events: t.events }
    }

    /// Who runs when: `main 1-4, t1 5-9, main 10`.
    pub fn schedule(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut from = 0;
        for part in self.events.chunk_by(|a, b| a.thread == b.thread) {
            let name = self.threads.get(part[0].thread).map_or("?", String::as_str);
            parts.push(match part.len() {
                1 => format!("{name} {}", from + 1),
                n => format!("{name} {}-{}", from + 1, from + n),
            });
            from += part.len();
        }
        parts.join(", ")
    }
}

impl Tally {
    /// What an engine found out, in words.
    pub fn of(outcomes: BTreeMap<Outcome, u64>, mut census: Census) -> Tally {
        let mut left = WITNESSES;
        let mut witness = |word: &Outcome| {
            left = left.checked_sub(1)?;
            census.witnesses.remove(word).map(Witness::of)
        };
        let seen = |(word, count)| Seen { witness: witness(&word), word: word.into_owned(), count };
        let violated = |((property, kind), count)| Violated { property, kind, count };
        Tally {
            whole: census.whole,
            outcomes: outcomes.into_iter().map(seen).collect(),
            violations: census.violations.into_iter().map(violated).collect(),
        }
    }

    /// Executions in all.
    pub fn executions(&self) -> u64 {
        let held: u64 = self.outcomes.iter().map(|s| s.count).sum();
        held + self.violations.iter().map(|v| v.count).sum::<u64>()
    }

    /// How often this outcome was seen.
    pub fn outcome(&self, word: &str) -> u64 {
        self.outcomes.iter().find(|s| s.word == word).map_or(0, |s| s.count)
    }

    /// How many executions ended in a violation of this property.
    pub fn violation(&self, property: &str) -> u64 {
        self.violations.iter().filter(|v| v.property == property).map(|v| v.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_says_who_runs_when() {
        let event = |thread| TraceEvent { thread, ..TraceEvent::default() };
        let w =
            Witness { threads: vec!["main".into(), "t1".into()], events: [0, 0, 1, 0].map(event).to_vec() };
        assert_eq!(w.schedule(), "main 1-2, t1 3, main 4");
    }

    #[test]
    fn shares_are_of_all_executions() {
        let seen = |word: &str, count| Seen { word: word.to_owned(), count, witness: None };
        let t = Tally {
            whole: true,
            outcomes: vec![seen("in time", 3), seen("late", 1)],
            violations: vec![Violated { property: "p".into(), kind: Kind::Assertion, count: 4 }],
        };
        assert_eq!((t.executions(), t.outcome("late"), t.outcome("never"), t.violation("p")), (8, 1, 0, 4));
    }
}
