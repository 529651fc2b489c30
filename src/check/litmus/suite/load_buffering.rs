//! LB: each thread reads the other's word, then writes its own. RC11 forbids cycles of program order and
//! reads-from; C++20 and Rust allow them, and some processors show them.

use crate::check::litmus::Test;
use crate::check::litmus::program::words::*;

pub const TESTS: &[Test] = &[
    Test::new(
        "LB+rlx",
        "Rust allows both reads to see the later write",
        &[&[ld(X, RLX), st(Y, 1, RLX)], &[ld(Y, RLX), st(X, 1, RLX)]],
    )
    .sc("00 01 10")
    .beyond("11"),
    Test::new(
        "LB+acq+rlx",
        "also if one of them acquires",
        &[&[ld(X, ACQ), st(Y, 1, RLX)], &[ld(Y, RLX), st(X, 1, RLX)]],
    )
    .sc("00 01 10")
    .beyond("11"),
    Test::new(
        "LB+acq-rel",
        "acquire and release forbid it in every model",
        &[&[ld(X, ACQ), st(Y, 1, REL)], &[ld(Y, ACQ), st(X, 1, REL)]],
    )
    .sc("00 01 10"),
    Test::new("LB+sc", "all SeqCst", &[&[ld(X, SC), st(Y, 1, SC)], &[ld(Y, SC), st(X, 1, SC)]])
        .sc("00 01 10"),
];
