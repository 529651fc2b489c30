//! Small programs with known answers, shared by the tests of the engines, and how to run one.
#![allow(dead_code, unused_imports)] // each test target uses some

mod blocking;
mod lifetimes;
mod memory;

pub use blocking::*;
pub use lifetimes::*;
pub use memory::*;

use selvedge::check::engine::{Exploration, Plan};
use selvedge::check::model::{Outcome, Scenario, Strategy};
use selvedge::check::{Kind, Verdict};
use selvedge::sync::UnsafeCell;
use std::collections::BTreeSet;

/// A plan with room to spare.
pub fn plan(strategy: Strategy) -> Plan {
    Plan { strategy, seed: 7, executions: 5_000, steps: 2_000, ..Plan::default() }
}

pub fn scenario<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static) -> Scenario {
    std::sync::Arc::new(move || f().into())
}

/// The outcomes that were seen.
pub fn outcomes(e: &Exploration) -> BTreeSet<String> {
    e.outcomes.keys().map(|o| o.to_string()).collect()
}

pub fn words<const N: usize>(w: [&str; N]) -> BTreeSet<String> {
    w.map(str::to_owned).into()
}

#[track_caller]
pub fn assert_found(e: &Exploration, property: &str, kind: Kind) {
    let want = Verdict::Found { property: property.to_owned(), kind };
    assert_eq!(e.verdict, want, "{:?}", e.failure.as_ref().map(|f| &f.message));
    let f = e.failure.as_ref().expect("a counterexample comes with its execution");
    assert_eq!((f.property.as_str(), f.kind), (property, kind));
    assert!(!f.message.is_empty(), "{f:?}");
}

/// Plain data that two threads share.
pub struct Shared<T>(UnsafeCell<T>);

// SAFETY: none is claimed: the programs here order their accesses, or are meant to be caught racing.
unsafe impl<T> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Shared<T> {}

impl<T: Copy> Shared<T> {
    #[track_caller]
    pub fn new(v: T) -> Self {
        Shared(UnsafeCell::new(v))
    }
    #[track_caller]
    pub fn get(&self) -> T {
        // SAFETY: engines report a race before memory is touched, and run one thread at a time.
        self.0.with(|p| unsafe { *p })
    }
    #[track_caller]
    pub fn set(&self, v: T) {
        // SAFETY: as for `get`.
        self.0.with_mut(|p| unsafe { *p = v })
    }
}
