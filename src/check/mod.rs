//! The checker: models and verdicts, the event log, the engines, the runner and the command.
//!
//! Reading order: [`model`] (what is checked), [`verdict`] (what is concluded), [`event`] (what a program can
//! do), [`run`] (the recorder), [`engine`] (who explores).

pub mod engine;
pub mod event;
pub mod model;
pub mod race;
pub mod run;
mod unwind;
pub mod verdict;

pub use model::{
    Budget, Catalogue, Check, Discipline, EngineKind, Grade, Memory, Model, Outcome, Role, Strategy, Variant,
};
pub use run::{always, sometimes, violated_unless};
pub use verdict::{Expect, Kind, Verdict};
