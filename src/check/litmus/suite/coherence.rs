//! One word: all threads agree on the order of its writes, whatever the orderings.

use crate::check::litmus::Test;
use crate::check::litmus::program::words::*;

pub const TESTS: &[Test] = &[
    Test::new("CoRR", "a second read sees nothing older", &[&[st(X, 1, RLX)], &[ld(X, RLX), ld(X, RLX)]])
        .sc("00 01 11"),
    Test::new(
        "CoRR+two-writes",
        "reads follow the order of one thread's writes",
        &[&[st(X, 1, RLX), st(X, 2, RLX)], &[ld(X, RLX), ld(X, RLX)]],
    )
    .sc("00 01 02 11 12 22"),
    Test::new(
        "CoRR+two-writers",
        "what is read second is last or followed",
        &[&[st(X, 1, RLX)], &[st(X, 2, RLX)], &[ld(X, RLX), ld(X, RLX)]],
    )
    .finals(&[X])
    .sc("001 002 011 012 021 022 112 111 122 211 222 221"),
    Test::new(
        "CoWR",
        "a read after an own write sees nothing older",
        &[&[st(X, 1, RLX), ld(X, RLX)], &[st(X, 2, RLX)]],
    )
    .finals(&[X])
    .sc("11 12 22"),
    Test::new(
        "CoRW",
        "a write after a read is newer than what was read",
        &[&[ld(X, RLX), st(X, 1, RLX)], &[st(X, 2, RLX)]],
    )
    .finals(&[X])
    .sc("01 02 21"),
    Test::new(
        "CoRW+both",
        "two read-write pairs do not read each other",
        &[&[ld(X, RLX), st(X, 1, RLX)], &[ld(X, RLX), st(X, 2, RLX)]],
    )
    .finals(&[X])
    .sc("001 002 012 201"),
    Test::new(
        "CoWW",
        "writes of one thread stay in order",
        &[&[st(X, 1, RLX), st(X, 2, RLX)], &[ld(X, RLX)]],
    )
    .finals(&[X])
    .sc("02 12 22"),
    Test::new("CoRR+sc", "the same, all SeqCst", &[&[st(X, 1, SC), st(X, 2, SC)], &[ld(X, SC), ld(X, SC)]])
        .sc("00 01 02 11 12 22"),
    Test::new(
        "CoRR+four-readers",
        "five threads, and each reader is early or late",
        &[&[st(X, 1, RLX)], &[ld(X, RLX)], &[ld(X, RLX)], &[ld(X, RLX)], &[ld(X, RLX)]],
    )
    .sc("0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1010 1011 1100 1101 1110 1111"),
];
