//! Fences in message passing: `r0=1 r1=0` is the weak outcome. A fence orders what is on its far side only together
//! with an atomic access on its near side.

use crate::check::litmus::Test;
use crate::check::litmus::program::words::*;

pub const TESTS: &[Test] = &[
    Test::new(
        "MP+fence-rel+fence-acq",
        "fences on both sides",
        &[&[st(X, 1, RLX), fence(REL), st(Y, 1, RLX)], &[ld(Y, RLX), fence(ACQ), ld(X, RLX)]],
    )
    .sc("00 01 11"),
    Test::new(
        "MP+fence-rel+acq",
        "a release fence and an acquire load",
        &[&[st(X, 1, RLX), fence(REL), st(Y, 1, RLX)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("00 01 11"),
    Test::new(
        "MP+rel+fence-acq",
        "a release store and an acquire fence",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[ld(Y, RLX), fence(ACQ), ld(X, RLX)]],
    )
    .sc("00 01 11"),
    Test::new(
        "MP+fence-sc",
        "SeqCst fences on both sides",
        &[&[st(X, 1, RLX), fence(SC), st(Y, 1, RLX)], &[ld(Y, RLX), fence(SC), ld(X, RLX)]],
    )
    .sc("00 01 11"),
    Test::new(
        "MP+fence-sc+rlx",
        "on one side only",
        &[&[st(X, 1, RLX), fence(SC), st(Y, 1, RLX)], &[ld(Y, RLX), ld(X, RLX)]],
    )
    .sc("00 01 11")
    .weak("10"),
    Test::new(
        "MP+fence-acq+fence-rel",
        "the wrong way round",
        &[&[st(X, 1, RLX), fence(ACQ), st(Y, 1, RLX)], &[ld(Y, RLX), fence(REL), ld(X, RLX)]],
    )
    .sc("00 01 11")
    .weak("10"),
    Test::new(
        "MP+late-fence",
        "a SeqCst fence after the flag comes too late",
        &[&[st(X, 1, RLX), st(Y, 1, RLX), fence(SC)], &[ld(Y, RLX), fence(SC), ld(X, RLX)]],
    )
    .sc("00 01 11")
    .weak("10"),
    Test::new(
        "MP+early-fence",
        "a SeqCst fence before the flag is read comes too early",
        &[&[st(X, 1, RLX), fence(SC), st(Y, 1, RLX)], &[fence(SC), ld(Y, RLX), ld(X, RLX)]],
    )
    .sc("00 01 11")
    .weak("10"),
];
