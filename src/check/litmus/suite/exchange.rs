//! Read-modify-writes: nothing comes between what one reads and what it writes. A failed exchange is a load with its
//! failure ordering.
//!
//! No program here could fail spuriously twice on one word: that each call may is a choice which engines bound, and
//! their fidelity says how.

use crate::check::litmus::Test;
use crate::check::litmus::program::words::*;

pub const TESTS: &[Test] = &[
    Test::new("RMW+add+add", "no increment is lost", &[&[add(X, 1, RLX)], &[add(X, 1, RLX)]])
        .finals(&[X])
        .sc("012 102"),
    Test::new("RMW+add+store", "a store comes before or after", &[&[add(X, 1, RLX)], &[st(X, 5, RLX)]])
        .finals(&[X])
        .sc("05 56"),
    Test::new("RMW+swap+store", "the same with a swap", &[&[swap(X, 1, AR)], &[st(X, 2, REL)]])
        .finals(&[X])
        .sc("02 21"),
    Test::new("RMW+swap+swap", "one swap reads the other", &[&[swap(X, 1, RLX)], &[swap(X, 2, RLX)]])
        .finals(&[X])
        .sc("012 201"),
    Test::new(
        "RMW+add-add+store",
        "the order of writes stays one order",
        &[&[add(X, 1, RLX), add(X, 1, RLX)], &[st(X, 5, RLX)]],
    )
    .finals(&[X])
    .sc("015 056 567"),
    Test::new("CAS+CAS", "one of two wins", &[&[cas(X, 0, 1, AR, ACQ)], &[cas(X, 0, 2, AR, ACQ)]])
        .finals(&[X])
        .sc("011 202"),
    Test::new("CAS+store", "a store comes before or after", &[&[cas(X, 0, 1, RLX, RLX)], &[st(X, 2, RLX)]])
        .finals(&[X])
        .sc("02 22"),
    Test::new(
        "CAS-weak+store",
        "may fail for no reason",
        &[&[weak_cas(X, 0, 1, RLX, RLX)], &[st(X, 2, RLX)]],
    )
    .finals(&[X])
    .sc("02 22 f2"),
    Test::new(
        "MP+failed-CAS",
        "a failed exchange may read an old value",
        &[&[st(X, 1, RLX), st(Y, 1, RLX)], &[ld(Y, RLX), cas(X, 5, 6, RLX, RLX)]],
    )
    .sc("00 01 11")
    .weak("10"),
    Test::new(
        "MP+failure-acq",
        "the failure ordering acquires",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[cas(Y, 5, 6, RLX, ACQ), ld(X, RLX)]],
    )
    .sc("00 01 11"),
    Test::new(
        "MP+failure-rlx",
        "the success ordering is not the failure's",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[cas(Y, 5, 6, AR, RLX), ld(X, RLX)]],
    )
    .sc("00 01 11")
    .weak("10"),
    Test::new(
        "MP+success-acq",
        "the success ordering acquires",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[cas(Y, 1, 2, ACQ, RLX), ld(X, RLX)]],
    )
    .sc("00 01 11"),
    Test::new(
        "MP+success-rlx",
        "the failure ordering is not the success's",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[cas(Y, 1, 2, RLX, ACQ), ld(X, RLX)]],
    )
    .sc("00 01 11")
    .weak("10"),
    Test::new(
        "MP+CAS-rel",
        "an exchange publishes",
        &[&[st(X, 1, RLX), cas(Y, 0, 1, REL, RLX)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("000 001 011"),
    Test::new(
        "MP+CAS-rlx",
        "a relaxed exchange does not",
        &[&[st(X, 1, RLX), cas(Y, 0, 1, RLX, RLX)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc("000 001 011")
    .weak("010"),
];
