//! Independent answers to what the exact explorer says, and the machinery to compare them on random programs.
//!
//! Reading order: `program` (programs as data), `facade` (what the engine runs), then the oracles, which share no
//! code with the engine: `axioms` over `candidate` and `relation` (RC11 by brute force), `interleave` (SC by brute
//! force), `flow` (branches and choices, by guessing), `machine` over `code` (everything that blocks, under SC). `random` and
//! `random_blocking` make programs, `compare` compares, `shrink` makes failures small, `campaign` runs many.

pub mod axioms;
pub mod campaign;
pub mod candidate;
pub mod code;
pub mod compare;
pub mod facade;
pub mod flow;
pub mod interleave;
pub mod machine;
pub mod metamorphic;
pub mod program;
pub mod random;
pub mod random_blocking;
pub mod relation;
pub mod shrink;
