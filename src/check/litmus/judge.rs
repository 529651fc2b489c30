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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::litmus::run::find;
    use crate::check::litmus::subject::SUBJECTS;

    const MP: &str = "MP+rlx+rlx";

    fn exact() -> Subject {
        *SUBJECTS.last().expect("there are engines")
    }

    fn seen(test: &str, letters: &str) -> Observation {
        let outcomes = find(test).expect("a test").outcomes(letters);
        Observation { verdict: Verdict::Exhausted, executions: outcomes.len() as u64, outcomes }
    }

    fn row(test: &str, seen: Observation, declared: Vec<Deviation>) -> Row {
        judge_by(find(test).expect("a test"), exact(), seen, declared)
    }

    fn deviation(gap: Gap, missed: &str, invented: &str) -> Deviation {
        let of = |letters| find(MP).expect("a test").outcomes(letters);
        Deviation { gap, missed: of(missed), invented: of(invented) }
    }

    fn race() -> Verdict {
        Verdict::found(None, Kind::DataRace)
    }

    fn limit() -> Verdict {
        Verdict::EngineLimit { what: "executions".to_owned() }
    }

    #[test]
    fn what_is_allowed_agrees() {
        assert!(row(MP, seen(MP, "00 01 11 10"), vec![]).agrees());
    }

    #[test]
    fn an_undeclared_difference_is_red() {
        let missed = row(MP, seen(MP, "00 01 11"), vec![]);
        assert_eq!(missed.faults, ["r0=1 r1=0: missed, and not declared to be"]);
        let invented = row(MP, seen(MP, "00 01 11 10 22"), vec![]);
        assert_eq!(invented.faults, ["r0=2 r1=2: cannot be, is seen, and not declared to be"]);
    }

    #[test]
    fn a_declared_difference_is_no_agreement_and_not_red() {
        let r = row(MP, seen(MP, "00 01 11 22"), vec![deviation(Gap::ScOnly, "10", "22")]);
        assert!(r.as_declared() && !r.agrees(), "{:?}", r.faults);
    }

    #[test]
    fn a_declared_gap_that_no_longer_shows_is_red() {
        let missed = row(MP, seen(MP, "00 01 11 10"), vec![deviation(Gap::ScOnly, "10", "")]);
        assert_eq!(missed.faults, ["r0=1 r1=0: declared to be missed, and seen"]);
        let invented = row(MP, seen(MP, "00 01 11 10"), vec![deviation(Gap::ScOnly, "", "22")]);
        assert_eq!(invented.faults, ["r0=2 r1=2: declared to be invented, and not seen"]);
    }

    #[test]
    fn a_limit_is_never_a_pass() {
        let all = seen(MP, "00 01 11 10");
        let stopped = Observation { verdict: limit(), ..all.clone() };
        assert!(!row(MP, stopped.clone(), vec![]).as_declared(), "not declared");
        let declared = vec![deviation(Gap::EngineLimit, "", "")];
        let r = row(MP, stopped.clone(), declared.clone());
        assert!(r.as_declared() && !r.agrees());
        assert!(!row(MP, all, declared).as_declared(), "declared, and not met");
        assert!(!row(MP, stopped, vec![deviation(Gap::ThreadLimit, "", "")]).as_declared(), "another limit");
    }

    #[test]
    fn too_many_threads_may_explore_nothing_and_nobody_else_may() {
        let verdict = Verdict::OutOfReach { reason: "more than 5 threads".to_owned() };
        let refused = Observation { verdict, outcomes: Outcomes::new(), executions: 0 };
        let declared = vec![deviation(Gap::ThreadLimit, "", "")];
        assert!(row(MP, refused.clone(), declared).as_declared());
        assert!(!row(MP, refused, vec![]).as_declared());
        let nothing = Observation { executions: 0, ..seen(MP, "00 01 11 10") };
        assert_eq!(row(MP, nothing, vec![]).faults, ["nothing was explored"]);
    }

    #[test]
    fn races() {
        const RACY: &str = "MP+cell+rlx+acq";
        let raced = Observation { verdict: race(), outcomes: Outcomes::new(), executions: 1 };
        assert!(row(RACY, raced.clone(), vec![]).agrees());
        assert_eq!(
            row(RACY, seen(RACY, "0- 11"), vec![]).faults,
            ["data-race: missed, and not declared to be"]
        );
        assert!(!row(MP, raced, vec![]).as_declared(), "a race where there is none");
    }

    #[test]
    fn a_search_that_ends_otherwise_is_red() {
        for verdict in [
            Verdict::Crashed { how: "abort".to_owned() },
            Verdict::Inconclusive { why: "time".to_owned() },
            Verdict::NotFound { n: 4 },
            Verdict::found(None, Kind::Deadlock),
        ] {
            let r = row(MP, Observation { verdict, ..seen(MP, "00 01 11 10") }, vec![]);
            assert!(!r.as_declared(), "{r:?}");
        }
    }
}
