//! Selvedge: evidence for concurrent Rust.
//!
//! Reading order:
//!
//! 1. [`sync`]: the facade. Write a component once against these names; it ships on parking_lot, arc-swap and
//!    std at no cost, and runs unchanged under every checker.
//! 2. The primitives, one a file, each with its state table on top: [`session_table`], [`connect_gate`],
//!    [`rest_connection`], [`snapshot_cache`], [`packer`], [`staged_commit`], [`flight_recorder`],
//!    [`completion`], [`claim`], [`serial`].
//! 3. `check` (feature `check`): models, verdicts, the event log, the engines, the runner and the command.
//! 4. `render` (feature `check`): verdicts and events to text, JSON and JUnit. Pure functions.
//!
//! A proof by Selvedge covers the closed model and the facade's operations: not raw memory behind `unsafe`, the
//! compiler or the hardware.
#![deny(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

#[cfg(all(loom, shuttle))]
compile_error!("`--cfg loom` and `--cfg shuttle` each choose the one engine to run: set only one of them");

pub mod sync;

pub mod claim;
pub mod completion;
pub mod connect_gate;
pub mod flight_recorder;
pub mod packer;
pub mod rest_connection;
pub mod serial;
pub mod session_table;
pub mod snapshot_cache;
pub mod staged_commit;

#[cfg(any(feature = "check", loom, shuttle))]
pub mod check;
#[cfg(any(feature = "check", loom, shuttle))]
pub mod render;

#[cfg(any(feature = "check", loom, shuttle))]
pub use check::harness::model;

/// The README's code blocks compile.
#[cfg(all(doctest, any(feature = "check", loom, shuttle)))]
#[doc = include_str!("../README.md")]
mod readme {}
