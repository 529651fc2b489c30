//! The tests, one file a family. Every set of outcomes is stated by hand; `tests/litmus.rs` has an oracle that
//! enumerates all candidate executions confirm each.

mod causality;
mod cells;
mod coherence;
mod exchange;
mod fences;
mod independent_reads;
mod load_buffering;
mod message_passing;
mod release_sequences;
mod store_buffering;
mod two_writes;

use super::Family;

/// The families.
pub const FAMILIES: &[Family] = &[
    Family { title: "coherence: one word", tests: coherence::TESTS },
    Family { title: "message passing", tests: message_passing::TESTS },
    Family { title: "store buffering", tests: store_buffering::TESTS },
    Family { title: "load buffering (outside RC11)", tests: load_buffering::TESTS },
    Family { title: "two writes: 2+2W, R, S", tests: two_writes::TESTS },
    Family { title: "independent reads of independent writes", tests: independent_reads::TESTS },
    Family { title: "causality over three threads", tests: causality::TESTS },
    Family { title: "release sequences (C++20)", tests: release_sequences::TESTS },
    Family { title: "fences", tests: fences::TESTS },
    Family { title: "read-modify-write and compare-exchange", tests: exchange::TESTS },
    Family { title: "plain data", tests: cells::TESTS },
];
