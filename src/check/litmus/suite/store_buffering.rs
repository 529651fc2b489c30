//! SB: each thread writes its own word, then reads the other's. The weak outcome is that neither sees the other.

use crate::check::litmus::Test;
use crate::check::litmus::program::words::*;

pub const TESTS: &[Test] = &[
    Test::new("SB+rlx", "nothing is ordered", &[&[st(X, 1, RLX), ld(Y, RLX)], &[st(Y, 1, RLX), ld(X, RLX)]])
        .sc("01 10 11")
        .weak("00"),
    Test::new(
        "SB+rel+acq",
        "release and acquire do not help",
        &[&[st(X, 1, REL), ld(Y, ACQ)], &[st(Y, 1, REL), ld(X, ACQ)]],
    )
    .sc("01 10 11")
    .weak("00"),
    Test::new("SB+sc", "all SeqCst", &[&[st(X, 1, SC), ld(Y, SC)], &[st(Y, 1, SC), ld(X, SC)]])
        .sc("01 10 11"),
    Test::new(
        "SB+sc-stores",
        "SeqCst stores alone do not help",
        &[&[st(X, 1, SC), ld(Y, ACQ)], &[st(Y, 1, SC), ld(X, ACQ)]],
    )
    .sc("01 10 11")
    .weak("00"),
    Test::new(
        "SB+sc-loads",
        "SeqCst loads alone do not help",
        &[&[st(X, 1, REL), ld(Y, SC)], &[st(Y, 1, REL), ld(X, SC)]],
    )
    .sc("01 10 11")
    .weak("00"),
    Test::new(
        "SB+sc+rel-acq",
        "one SeqCst thread does not help",
        &[&[st(X, 1, SC), ld(Y, SC)], &[st(Y, 1, REL), ld(X, ACQ)]],
    )
    .sc("01 10 11")
    .weak("00"),
    Test::new(
        "SB+fence-sc",
        "SeqCst fences order",
        &[&[st(X, 1, RLX), fence(SC), ld(Y, RLX)], &[st(Y, 1, RLX), fence(SC), ld(X, RLX)]],
    )
    .sc("01 10 11"),
    Test::new(
        "SB+fence-sc+none",
        "on both sides, or not at all",
        &[&[st(X, 1, RLX), fence(SC), ld(Y, RLX)], &[st(Y, 1, RLX), ld(X, RLX)]],
    )
    .sc("01 10 11")
    .weak("00"),
    Test::new(
        "SB+fence-sc+sc",
        "a fence and SeqCst accesses",
        &[&[st(X, 1, RLX), fence(SC), ld(Y, RLX)], &[st(Y, 1, SC), ld(X, SC)]],
    )
    .sc("01 10 11"),
    Test::new(
        "SB+fence-acqrel",
        "weaker fences do not help",
        &[&[st(X, 1, RLX), fence(AR), ld(Y, RLX)], &[st(Y, 1, RLX), fence(AR), ld(X, RLX)]],
    )
    .sc("01 10 11")
    .weak("00"),
    Test::new(
        "SB+swaps",
        "swaps instead of stores do not help",
        &[&[swap(X, 1, AR), ld(Y, ACQ)], &[swap(Y, 1, AR), ld(X, ACQ)]],
    )
    .sc("0001 0100 0101")
    .weak("0000"),
    Test::new(
        "SB+sc-swaps",
        "SeqCst swaps and loads do",
        &[&[swap(X, 1, SC), ld(Y, SC)], &[swap(Y, 1, SC), ld(X, SC)]],
    )
    .sc("0001 0100 0101"),
    Test::new(
        "SB+rmws",
        "nothing but read-modify-writes",
        &[&[swap(X, 1, AR), add(Y, 0, AR)], &[swap(Y, 1, AR), add(X, 0, AR)]],
    )
    .sc("0001 0100 0101"),
];
