//! Plain data in a cell `c`, which Rust gives no value when it races: the one outcome is then `data-race`.

use crate::check::litmus::Test;
use crate::check::litmus::program::words::*;

pub const TESTS: &[Test] = &[
    Test::new(
        "MP+cell+rel+acq",
        "published and acquired",
        &[&[put(1), st(Y, 1, REL)], &[ld(Y, ACQ), get().when(0, 1)]],
    )
    .sc("0- 11"),
    Test::new(
        "MP+cell+rlx+acq",
        "never released",
        &[&[put(1), st(Y, 1, RLX)], &[ld(Y, ACQ), get().when(0, 1)]],
    )
    .racy(),
    Test::new(
        "MP+cell+rel+rlx",
        "never acquired",
        &[&[put(1), st(Y, 1, REL)], &[ld(Y, RLX), get().when(0, 1)]],
    )
    .racy(),
    Test::new(
        "MP+cell+fences",
        "a fence on each side of the flag",
        &[&[put(1), fence(REL), st(Y, 1, RLX)], &[ld(Y, RLX), fence(ACQ).when(0, 1), get().when(0, 1)]],
    )
    .sc("0- 11"),
    Test::new(
        "MP+cell+late-fence",
        "the writer's fence comes after the flag",
        &[&[put(1), st(Y, 1, RLX), fence(SC)], &[ld(Y, RLX), fence(SC).when(0, 1), get().when(0, 1)]],
    )
    .racy(),
    Test::new(
        "cell+fences",
        "fences without an atomic order nothing",
        &[&[put(1), fence(SC)], &[fence(SC), get()]],
    )
    .racy(),
    Test::new(
        "MP+cell+guarded",
        "a writer that looks first, and never releases",
        &[&[ld(Y, RLX), put(1).when(0, 0), st(Y, 1, RLX).when(0, 0)], &[ld(Y, ACQ), get().when(1, 1)]],
    )
    .racy(),
    Test::new(
        "MP+cell+reader-first",
        "the same, with the reader spawned first",
        &[&[ld(Y, ACQ), get().when(0, 1)], &[ld(Y, RLX), put(1).when(2, 0), st(Y, 1, RLX).when(2, 0)]],
    )
    .racy(),
];
