//! What continues a release, so that an acquire of something later still synchronises with it: read-modify-writes,
//! of any thread and ordering. Stores do not, not even of the releasing thread, since C++20 (P0982R1).

use crate::check::litmus::Test;
use crate::check::litmus::program::words::*;

pub const TESTS: &[Test] = &[
    Test::new(
        "RelSeq+add",
        "a relaxed add by another thread continues it",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[add(Y, 2, RLX)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("000 001 011 020 021 100 101 111 131"),
    Test::new(
        "RelSeq+cas",
        "so does a relaxed exchange",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[cas(Y, 1, 2, RLX, RLX)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("000 001 011 100 101 111 121"),
    Test::new(
        "RelSeq+own-add",
        "and a relaxed add by the same thread",
        &[&[st(X, 1, RLX), st(Y, 1, REL), add(Y, 1, RLX)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("100 101 111 121"),
    Test::new(
        "RelSeq+own-store",
        "a relaxed store of the same thread breaks it, since C++20",
        &[&[st(X, 1, RLX), st(Y, 1, REL), st(Y, 2, RLX)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("00 01 11 21")
    .weak("20"),
    Test::new(
        "RelSeq+other-store",
        "a store of another thread breaks it",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[st(Y, 2, RLX)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .finals(&[Y])
    .sc("001 002 011 012 111 112 201 211 212")
    .weak("202"),
    Test::new(
        "RelSeq+fence",
        "a fenced relaxed store heads one",
        &[&[st(X, 1, RLX), fence(REL), st(Y, 1, RLX)], &[add(Y, 2, RLX)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("000 001 011 020 021 100 101 111 131"),
];
