//! The checker: models and verdicts, the event log, the engines, the runner and the command.
//!
//! Reading order: [`mod@model`] (what is checked), [`verdict`] (what is concluded), [`event`] (what a program can
//! do), [`run`] (the recorder), [`engine`] (who explores), [`runner`] (one worker process per check),
//! [`worker`] (that process), [`litmus`] (what each engine sees), [`quarantine`] (frees held back), [`command`] (the `selvedge` command), [`harness`] (other people's test suites).

mod arrange;
pub mod command;
mod contract;
pub mod discipline;
mod ends;
pub mod engine;
pub mod event;
mod failure;
pub mod harness;
pub mod litmus;
pub mod model;
pub mod progress;
pub mod property;
pub mod quarantine;
pub mod race;
pub mod run;
pub mod runner;
mod shown;
mod unwind;
pub mod verdict;
pub mod worker;

pub use command::main;
pub use discipline::{interrupt, io, masked};
pub use harness::{Checker, model, test_main};
pub use model::{
    Budget, Catalogue, Check, Discipline, EngineKind, Grade, Memory, Model, Outcome, Role, Strategy, Variant,
};
pub use progress::{Eventually, eventually, fingerprint};
pub use quarantine::Quarantine;
pub use run::{always, note, sometimes, violated_unless};
pub use verdict::{Expect, Kind, Verdict};
