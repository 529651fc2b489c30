//! The gaps that each engine is declared to have, outcome by outcome. A declaration that no longer shows is as red
//! as a difference that is not declared.

use super::gap::Gap::{self, *};
use super::subject::Subject;
use super::{Outcomes, Test};
use crate::check::model::{EngineKind, Memory};

/// A declared difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deviation {
    /// Its type.
    pub gap: Gap,
    /// What the engine does not show although it is allowed.
    pub missed: Outcomes,
    /// What it shows although it cannot be.
    pub invented: Outcomes,
}

/// What `subject` is declared to get wrong in `test`.
pub fn deviations(subject: &Subject, test: &Test) -> Vec<Deviation> {
    match (subject.engine, subject.memory) {
        // Nothing, ever.
        (EngineKind::Exact, _) => Vec::new(),
        // All that RC11 has beyond sequential consistency, and nothing else. Races are seen: the detector honours
        // the declared orderings.
        (EngineKind::Shuttle, Memory::Rc11) => {
            let missed = &test.under_rc11() - &test.under_sc();
            let gap = Deviation { gap: Gap::ScOnly, missed, invented: Outcomes::new() };
            if gap.missed.is_empty() { Vec::new() } else { vec![gap] }
        }
        (EngineKind::Loom, _) => LOOM
            .iter()
            .filter(|l| l.test == test.name)
            .map(|l| Deviation {
                gap: l.gap,
                missed: test.outcomes(l.missed),
                invented: test.outcomes(l.invented),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// A row of the table below, with outcomes in the letters of the tests.
struct Declared {
    test: &'static str,
    gap: Gap,
    missed: &'static str,
    invented: &'static str,
}

const fn misses(test: &'static str, gap: Gap, missed: &'static str) -> Declared {
    Declared { test, gap, missed, invented: "" }
}

const fn invents(test: &'static str, gap: Gap, invented: &'static str) -> Declared {
    Declared { test, gap, missed: "", invented }
}

/// At a limit, what was missed is not declared: a search that was cut short says nothing about it.
const fn stops(test: &'static str, gap: Gap) -> Declared {
    misses(test, gap, "")
}

const LOOM: &[Declared] = &[
    // A thread's own load hides another thread's earlier load from the reduction.
    misses("CoRW+both", MissedInterleaving, "201"),
    misses("MP+cell+reader-first", MissedInterleaving, "race"),
    // The outcome that SeqCst forbids.
    invents("SB+sc", SeqCstAsAcqRel, "00"),
    invents("SB+fence-sc+sc", SeqCstAsAcqRel, "00"),
    invents("SB+sc-swaps", SeqCstAsAcqRel, "0000"),
    invents("2+2W+sc", SeqCstAsAcqRel, "11"),
    invents("R+sc", SeqCstAsAcqRel, "02"),
    invents("IRIW+sc", SeqCstAsAcqRel, "1010"),
    invents("RWC+sc", SeqCstAsAcqRel, "100"),
    invents("W+RWC+rel+sc", SeqCstAsAcqRel, "100"),
    invents("W+RWC+sc", SeqCstAsAcqRel, "100"),
    invents("Z6.4+sc", SeqCstAsAcqRel, "002"),
    // A store right after what the read-modify-write has read.
    invents("MP+rel+swap", RmwAtomicity, "002 012"),
    invents("RMW+add+store", RmwAtomicity, "01"),
    invents("RMW+swap+store", RmwAtomicity, "01"),
    invents("RMW+add-add+store", RmwAtomicity, "012"),
    invents("CAS+store", RmwAtomicity, "01"),
    invents("CAS-weak+store", RmwAtomicity, "01"),
    // Two SeqCst fences are taken to synchronise, with no atomic between them.
    misses("MP+late-fence", FenceTooStrong, "10"),
    misses("MP+cell+late-fence", FenceTooStrong, "race"),
    misses("cell+fences", FenceTooStrong, "race"),
    // A failed exchange is no load of its own.
    misses("CAS-weak+store", FailedExchange, "f2"),
    misses("MP+failed-CAS", FailedExchange, "10"),
    // Five threads and the one that joins them.
    stops("CoRR+four-readers", ThreadLimit),
    // Four threads and the one that joins them: no end in sight.
    stops("IRIW+rlx", EngineLimit),
    stops("IRIW+rel+acq", EngineLimit),
    stops("IRIW+sc", EngineLimit),
    stops("IRIW+sc+acq-sc", EngineLimit),
    stops("IRIW+fence-sc", EngineLimit),
    stops("IRIW+fence-acqrel", EngineLimit),
];
