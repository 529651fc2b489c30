//! MP: data in `x`, a flag in `y`. The weak outcome is `r0=1 r1=0`, the flag without the data.

use crate::check::litmus::Test;
use crate::check::litmus::program::words::*;

pub const TESTS: &[Test] = &[
    Test::new(
        "MP+rlx+rlx",
        "nothing is ordered",
        &[&[st(X, 1, RLX), st(Y, 1, RLX)], &[ld(Y, RLX), ld(X, RLX)]],
    )
    .sc("00 01 11")
    .weak("10"),
    Test::new(
        "MP+rel+acq",
        "release and acquire",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("00 01 11"),
    Test::new(
        "MP+rel+rlx",
        "a release that nobody acquires",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[ld(Y, RLX), ld(X, RLX)]],
    )
    .sc("00 01 11")
    .weak("10"),
    Test::new(
        "MP+rlx+acq",
        "an acquire of nothing released",
        &[&[st(X, 1, RLX), st(Y, 1, RLX)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("00 01 11")
    .weak("10"),
    Test::new("MP+sc+sc", "all SeqCst", &[&[st(X, 1, SC), st(Y, 1, SC)], &[ld(Y, SC), ld(X, SC)]])
        .sc("00 01 11"),
    Test::new(
        "MP+sc+acq",
        "a SeqCst store is a release",
        &[&[st(X, 1, RLX), st(Y, 1, SC)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("00 01 11"),
    Test::new(
        "MP+rlx+sc",
        "a SeqCst load does not order a relaxed store",
        &[&[st(X, 1, RLX), st(Y, 1, RLX)], &[ld(Y, SC), ld(X, SC)]],
    )
    .sc("00 01 11")
    .weak("10"),
    Test::new(
        "MP+swap+acq",
        "the flag is swapped in",
        &[&[st(X, 1, RLX), swap(Y, 1, REL)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("000 001 011"),
    Test::new(
        "MP+rel+swap",
        "the flag is swapped out",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[swap(Y, 2, ACQ), ld(X, RLX)]],
    )
    .finals(&[Y])
    .sc("001 011 112"),
];
