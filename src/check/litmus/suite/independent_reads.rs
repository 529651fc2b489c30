//! IRIW: two writers, two readers that read in opposite order. The weak outcome, `r0=1 r1=0 r2=1 r3=0`, is that the
//! readers disagree on which write came first.

use crate::check::litmus::Test;
use crate::check::litmus::program::words::*;

/// All but the disagreement.
const AGREED: &str = "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111";

pub const TESTS: &[Test] = &[
    Test::new(
        "IRIW+rlx",
        "nothing is ordered",
        &[&[st(X, 1, RLX)], &[st(Y, 1, RLX)], &[ld(X, RLX), ld(Y, RLX)], &[ld(Y, RLX), ld(X, RLX)]],
    )
    .sc(AGREED)
    .weak("1010"),
    Test::new(
        "IRIW+rel+acq",
        "release and acquire do not help",
        &[&[st(X, 1, REL)], &[st(Y, 1, REL)], &[ld(X, ACQ), ld(Y, ACQ)], &[ld(Y, ACQ), ld(X, ACQ)]],
    )
    .sc(AGREED)
    .weak("1010"),
    Test::new(
        "IRIW+sc",
        "all SeqCst",
        &[&[st(X, 1, SC)], &[st(Y, 1, SC)], &[ld(X, SC), ld(Y, SC)], &[ld(Y, SC), ld(X, SC)]],
    )
    .sc(AGREED),
    Test::new(
        "IRIW+sc+acq-sc",
        "an acquire load of a SeqCst store orders less than one would think",
        &[&[st(X, 1, SC)], &[st(Y, 1, SC)], &[ld(X, ACQ), ld(Y, SC)], &[ld(Y, ACQ), ld(X, SC)]],
    )
    .sc(AGREED)
    .weak("1010"),
    Test::new(
        "IRIW+fence-sc",
        "SeqCst fences between the reads order",
        &[
            &[st(X, 1, RLX)],
            &[st(Y, 1, RLX)],
            &[ld(X, RLX), fence(SC), ld(Y, RLX)],
            &[ld(Y, RLX), fence(SC), ld(X, RLX)],
        ],
    )
    .sc(AGREED),
    Test::new(
        "IRIW+fence-acqrel",
        "weaker fences do not help",
        &[
            &[st(X, 1, REL)],
            &[st(Y, 1, REL)],
            &[ld(X, RLX), fence(AR), ld(Y, RLX)],
            &[ld(Y, RLX), fence(AR), ld(X, RLX)],
        ],
    )
    .sc(AGREED)
    .weak("1010"),
];
