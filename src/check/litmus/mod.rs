//! Litmus tests: what each engine can and cannot see, against the memory model's answer.
//!
//! | file | holds |
//! |---|---|
//! | [`program`] | a test's program as data |
//! | [`suite`] | the tests, each with the complete set of outcomes that RC11 allows |
//! | [`interpret`] | the one interpreter that runs a program over the facade |
//! | [`subject`] | the engines as they are put to the test, and what each may spend |
//! | [`gap`] | the types of gap |
//! | [`declared`] | the gaps that each engine is declared to have |
//! | [`judge`] | what an engine saw against what is allowed and what is declared |
//! | [`run`] | one worker process per (test, engine) |
//!
//! **The memory model.** The answer is RC11 (Lahav, Vafeiadis, Kang, Hur, Dreyer, PLDI 2017) with C++20 release
//! sequences. Rust's model is C++20's, which differs from it in one respect that these programs can show: it does
//! not forbid cycles in (program order | reads-from), so that load buffering is allowed. Each test therefore has
//! three layers: what sequential consistency allows, what RC11 allows more, and what C++20 allows more than that.
//! The third is listed so that nobody reads "forbidden by RC11" as "cannot happen".

pub mod declared;
pub mod gap;
pub mod interpret;
pub mod judge;
pub mod program;
pub mod run;
pub mod subject;
pub mod suite;

use program::{Loc, Threads};
use std::collections::BTreeSet;

/// Outcome words.
pub type Outcomes = BTreeSet<String>;

/// The outcome of a program with a data race: it has no other.
pub const RACE: &str = "data-race";

/// A litmus test.
///
/// Sets of outcomes are written with one letter a register (in the order of the program) and final value,
/// separated by blanks: a digit, `-` for an operation that was not reached, `f` for a spurious failure.
#[derive(Debug)]
pub struct Test {
    /// Its name, after the usual families.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub about: &'static str,
    /// The program.
    pub threads: Threads,
    /// Words whose final values belong to the outcome.
    pub finals: &'static [Loc],
    /// What sequential consistency allows.
    sc: &'static str,
    /// What RC11 allows beyond it.
    weak: &'static str,
    /// What C++20, and with it Rust, allows beyond RC11.
    beyond: &'static str,
    racy: bool,
}

impl Test {
    const fn new(name: &'static str, about: &'static str, threads: Threads) -> Test {
        Test { name, about, threads, finals: &[], sc: "", weak: "", beyond: "", racy: false }
    }
    const fn finals(self, finals: &'static [Loc]) -> Test {
        Test { finals, ..self }
    }
    const fn sc(self, sc: &'static str) -> Test {
        Test { sc, ..self }
    }
    const fn weak(self, weak: &'static str) -> Test {
        Test { weak, ..self }
    }
    const fn beyond(self, beyond: &'static str) -> Test {
        Test { beyond, ..self }
    }
    /// It has a data race: undefined behaviour, and nothing else is to be said of it.
    const fn racy(self) -> Test {
        Test { racy: true, ..self }
    }

    /// Has it a data race?
    pub fn is_racy(&self) -> bool {
        self.racy
    }

    /// The set that is written like this; `race` is [`RACE`].
    pub fn outcomes(&self, letters: &str) -> Outcomes {
        if letters == "race" {
            return self.race();
        }
        letters.split_whitespace().map(|w| interpret::spell(self, w)).collect()
    }

    /// Everything that sequential consistency allows.
    pub fn under_sc(&self) -> Outcomes {
        if self.racy { self.race() } else { self.outcomes(self.sc) }
    }

    /// Everything that RC11 allows.
    pub fn under_rc11(&self) -> Outcomes {
        if self.racy { self.race() } else { &self.outcomes(self.sc) | &self.outcomes(self.weak) }
    }

    /// What C++20 allows and RC11 does not.
    pub fn beyond_rc11(&self) -> Outcomes {
        self.outcomes(self.beyond)
    }

    fn race(&self) -> Outcomes {
        Outcomes::from([RACE.to_owned()])
    }
}

/// Tests of one kind.
#[derive(Debug)]
pub struct Family {
    /// What they have in common.
    pub title: &'static str,
    /// The tests.
    pub tests: &'static [Test],
}

/// All tests, in the order of the table.
pub fn tests() -> impl Iterator<Item = &'static Test> {
    suite::FAMILIES.iter().flat_map(|f| f.tests)
}
