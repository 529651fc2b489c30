//! What an engine saw, against what the memory model allows and what is declared.

use super::declared::{Deviation, deviations};
use super::gap::Gap;
use super::subject::Subject;
use super::{Outcomes, RACE, Test};
use crate::check::model::Memory;
use crate::check::verdict::{Kind, Verdict};

/// What an engine saw.
#[derive(Clone, Debug)]
pub struct Observation {
    /// How its search ended.
    pub verdict: Verdict,
    /// Outcomes of complete executions.
    pub outcomes: Outcomes,
    /// How many there were.
    pub executions: u64,
}

/// A test under an engine.
#[derive(Clone, Debug)]
pub struct Row {
    /// The test.
    pub test: &'static Test,
    /// The engine.
    pub subject: Subject,
    /// What it showed.
    pub outcomes: Outcomes,
    /// What it should have shown and did not.
    pub missed: Outcomes,
    /// What it showed and should not have.
    pub invented: Outcomes,
    /// Complete executions.
    pub executions: u64,
    /// The declared gaps that explain the difference.
    pub gaps: Vec<Gap>,
    /// What is not as declared, one line each.
    pub faults: Vec<String>,
}

impl Row {
    /// Just as the memory model says?
    pub fn agrees(&self) -> bool {
        self.missed.is_empty() && self.invented.is_empty() && self.gaps.is_empty() && self.faults.is_empty()
    }

    /// Every difference is declared, and every declared one shows?
    pub fn as_declared(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Judges what `subject` saw of `test`.
pub fn judge(test: &'static Test, subject: Subject, seen: Observation) -> Row {
    judge_by(test, subject, seen, deviations(&subject, test))
}

fn judge_by(test: &'static Test, subject: Subject, seen: Observation, declared: Vec<Deviation>) -> Row {
    let allowed = match subject.memory {
        Memory::Rc11 => test.under_rc11(),
        Memory::Sc => test.under_sc(),
    };
    let mut outcomes = seen.outcomes;
    let raced = matches!(seen.verdict, Verdict::Found { kind: Kind::DataRace, .. });
    if raced {
        // What went before the race is no behaviour of the program.
        outcomes = Outcomes::from([RACE.to_owned()]);
    }
    let missed = &allowed - &outcomes;
    // A program with a race has no behaviour, so that nothing can be invented.
    let invented = if test.is_racy() { Outcomes::new() } else { &outcomes - &allowed };

    let mut faults = Vec::new();
    let limit = declared.iter().find(|d| matches!(d.gap, Gap::ThreadLimit | Gap::EngineLimit)).map(|d| d.gap);
    ended(&seen.verdict, raced, limit, &mut faults);
    let of =
        |pick: fn(&Deviation) -> &Outcomes| declared.iter().flat_map(pick).cloned().collect::<Outcomes>();
    let (may_miss, may_invent) = (of(|d| &d.missed), of(|d| &d.invented));
    if limit.is_none() {
        differ(&mut faults, &missed - &may_miss, "missed, and not declared to be");
        differ(&mut faults, &may_miss - &missed, "declared to be missed, and seen");
    }
    differ(&mut faults, &invented - &may_invent, "cannot be, is seen, and not declared to be");
    differ(&mut faults, &may_invent - &invented, "declared to be invented, and not seen");
    if seen.executions == 0 && !raced && limit != Some(Gap::ThreadLimit) {
        faults.push("nothing was explored".to_owned());
    }
    Row {
        test,
        subject,
        outcomes,
        missed,
        invented,
        executions: seen.executions,
        gaps: declared.iter().map(|d| d.gap).collect(),
        faults,
    }
}

/// Did the search end as it should: everything explored, or a race found, or at a declared limit?
fn ended(verdict: &Verdict, raced: bool, limit: Option<Gap>, faults: &mut Vec<String>) {
    let stopped = match verdict {
        Verdict::EngineLimit { what } if what.contains("thread") => Some(Gap::ThreadLimit),
        Verdict::OutOfReach { reason } if reason.contains("thread") => Some(Gap::ThreadLimit),
        Verdict::EngineLimit { .. } => Some(Gap::EngineLimit),
        _ => None,
    };
    match (stopped, limit) {
        (Some(s), Some(l)) if s == l => {}
        (None, Some(l)) => faults.push(format!("{} is declared, and was not met: {verdict}", l.word())),
        (None, None) if raced || *verdict == Verdict::Exhausted => {}
        _ => faults.push(format!("ended with {verdict}")),
    }
}

fn differ(faults: &mut Vec<String>, outcomes: Outcomes, how: &str) {
    faults.extend(outcomes.iter().map(|o| format!("{o}: {how}")));
}
