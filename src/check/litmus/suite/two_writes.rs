//! Writes that race with writes: 2+2W (two threads write two words in opposite order), R (a write and a read), S (a
//! read and a write). The final values belong to the outcome.

use crate::check::litmus::Test;
use crate::check::litmus::program::words::*;

pub const TESTS: &[Test] = &[
    Test::new(
        "2+2W+rlx",
        "both first writes may come last",
        &[&[st(X, 1, RLX), st(Y, 2, RLX)], &[st(Y, 1, RLX), st(X, 2, RLX)]],
    )
    .finals(&[X, Y])
    .sc("12 21 22")
    .weak("11"),
    Test::new(
        "2+2W+rel",
        "releases that nobody reads order nothing",
        &[&[st(X, 1, REL), st(Y, 2, REL)], &[st(Y, 1, REL), st(X, 2, REL)]],
    )
    .finals(&[X, Y])
    .sc("12 21 22")
    .weak("11"),
    Test::new("2+2W+sc", "all SeqCst", &[&[st(X, 1, SC), st(Y, 2, SC)], &[st(Y, 1, SC), st(X, 2, SC)]])
        .finals(&[X, Y])
        .sc("12 21 22"),
    Test::new(
        "2+2W+fence-sc",
        "SeqCst fences order writes",
        &[&[st(X, 1, RLX), fence(SC), st(Y, 2, RLX)], &[st(Y, 1, RLX), fence(SC), st(X, 2, RLX)]],
    )
    .finals(&[X, Y])
    .sc("12 21 22"),
    Test::new(
        "R+rlx",
        "the other's second write is older, its first unseen",
        &[&[st(X, 1, RLX), st(Y, 1, RLX)], &[st(Y, 2, RLX), ld(X, RLX)]],
    )
    .finals(&[Y])
    .sc("01 11 12")
    .weak("02"),
    Test::new(
        "R+rel+acq",
        "release and acquire do not help",
        &[&[st(X, 1, REL), st(Y, 1, REL)], &[st(Y, 2, REL), ld(X, ACQ)]],
    )
    .finals(&[Y])
    .sc("01 11 12")
    .weak("02"),
    Test::new("R+sc", "all SeqCst", &[&[st(X, 1, SC), st(Y, 1, SC)], &[st(Y, 2, SC), ld(X, SC)]])
        .finals(&[Y])
        .sc("01 11 12"),
    Test::new(
        "R+fence-sc",
        "SeqCst fences order",
        &[&[st(X, 1, RLX), fence(SC), st(Y, 1, RLX)], &[st(Y, 2, RLX), fence(SC), ld(X, RLX)]],
    )
    .finals(&[Y])
    .sc("01 11 12"),
    Test::new(
        "S+rlx",
        "a write after the read is older than one before the write read",
        &[&[st(X, 2, RLX), st(Y, 1, RLX)], &[ld(Y, RLX), st(X, 1, RLX)]],
    )
    .finals(&[X])
    .sc("01 02 11")
    .weak("12"),
    Test::new(
        "S+rel+acq",
        "release and acquire order",
        &[&[st(X, 2, RLX), st(Y, 1, REL)], &[ld(Y, ACQ), st(X, 1, RLX)]],
    )
    .finals(&[X])
    .sc("01 02 11"),
    Test::new("S+sc", "all SeqCst", &[&[st(X, 2, SC), st(Y, 1, SC)], &[ld(Y, SC), st(X, 1, SC)]])
        .finals(&[X])
        .sc("01 02 11"),
];
