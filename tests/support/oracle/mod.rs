//! Independent answers to what the exact explorer says, and the machinery to compare them on random programs.
//!
//! Reading order: `program` (programs as data), `facade` (what the engine runs), then the oracles, which share no
//! code with the engine: `axioms` over `candidate` and `relation` (RC11 by brute force), `interleave` (SC by brute
//! force). `random` makes programs, `compare` compares, `shrink` makes failures small, `campaign` runs many.

pub mod axioms;
pub mod campaign;
pub mod candidate;
pub mod compare;
pub mod facade;
pub mod interleave;
pub mod program;
pub mod random;
pub mod relation;
pub mod shrink;
