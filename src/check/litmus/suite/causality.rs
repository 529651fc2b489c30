//! Three threads in a row: WRC (write to read causality), RWC (read to write), W+RWC, ISA2 (a message passed on),
//! and the Z6 cycles, which mix reads-from, modification order and from-reads.

use crate::check::litmus::Test;
use crate::check::litmus::program::words::*;

/// All but `r0=1 r1=1 r2=0`.
const NOT_110: &str = "000 001 010 011 100 101 111";
/// All but `r0=1 r1=0 r2=0`.
const NOT_100: &str = "000 001 010 011 101 110 111";

pub const TESTS: &[Test] = &[
    Test::new(
        "WRC+rlx",
        "what was seen and told is not seen by the third",
        &[&[st(X, 1, RLX)], &[ld(X, RLX), st(Y, 1, RLX)], &[ld(Y, RLX), ld(X, RLX)]],
    )
    .sc(NOT_110)
    .weak("110"),
    Test::new(
        "WRC+rel+acq",
        "coherence carries a relaxed write along happens-before",
        &[&[st(X, 1, RLX)], &[ld(X, RLX), st(Y, 1, REL)], &[ld(Y, ACQ), ld(X, RLX)]],
    )
    .sc(NOT_110),
    Test::new(
        "WRC+sc",
        "all SeqCst",
        &[&[st(X, 1, SC)], &[ld(X, SC), st(Y, 1, SC)], &[ld(Y, SC), ld(X, SC)]],
    )
    .sc(NOT_110),
    Test::new(
        "RWC+rel+acq",
        "release and acquire do not help",
        &[&[st(X, 1, REL)], &[ld(X, ACQ), ld(Y, ACQ)], &[st(Y, 1, REL), ld(X, ACQ)]],
    )
    .sc(NOT_100)
    .weak("100"),
    Test::new(
        "RWC+sc",
        "all SeqCst",
        &[&[st(X, 1, SC)], &[ld(X, SC), ld(Y, SC)], &[st(Y, 1, SC), ld(X, SC)]],
    )
    .sc(NOT_100),
    Test::new(
        "RWC+fence-sc",
        "SeqCst fences order",
        &[&[st(X, 1, RLX)], &[ld(X, RLX), fence(SC), ld(Y, RLX)], &[st(Y, 1, RLX), fence(SC), ld(X, RLX)]],
    )
    .sc(NOT_100),
    Test::new(
        "W+RWC+rel+acq",
        "release and acquire do not help",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[ld(Y, ACQ), ld(Z, RLX)], &[st(Z, 1, RLX), ld(X, RLX)]],
    )
    .sc(NOT_100)
    .weak("100"),
    Test::new(
        "W+RWC+rel+sc",
        "SeqCst at both ends of a released chain orders",
        &[&[st(X, 1, SC), st(Y, 1, REL)], &[ld(Y, ACQ), ld(Z, SC)], &[st(Z, 1, SC), ld(X, SC)]],
    )
    .sc(NOT_100),
    Test::new(
        "W+RWC+sc",
        "all SeqCst",
        &[&[st(X, 1, SC), st(Y, 1, SC)], &[ld(Y, SC), ld(Z, SC)], &[st(Z, 1, SC), ld(X, SC)]],
    )
    .sc(NOT_100),
    Test::new(
        "W+RWC+fence-sc",
        "SeqCst fences in the readers order",
        &[
            &[st(X, 1, RLX), st(Y, 1, REL)],
            &[ld(Y, ACQ), fence(SC), ld(Z, RLX)],
            &[st(Z, 1, RLX), fence(SC), ld(X, RLX)],
        ],
    )
    .sc(NOT_100),
    Test::new(
        "ISA2+rlx",
        "nothing is ordered",
        &[&[st(X, 1, RLX), st(Y, 1, RLX)], &[ld(Y, RLX), st(Z, 1, RLX)], &[ld(Z, RLX), ld(X, RLX)]],
    )
    .sc(NOT_110)
    .weak("110"),
    Test::new(
        "ISA2+rel+acq",
        "happens-before is transitive",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[ld(Y, ACQ), st(Z, 1, REL)], &[ld(Z, ACQ), ld(X, RLX)]],
    )
    .sc(NOT_110),
    Test::new(
        "ISA2+rlx-relay",
        "one relaxed link breaks the chain",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[ld(Y, RLX), st(Z, 1, REL)], &[ld(Z, ACQ), ld(X, RLX)]],
    )
    .sc(NOT_110)
    .weak("110"),
    Test::new(
        "ISA2+sc",
        "all SeqCst",
        &[&[st(X, 1, SC), st(Y, 1, SC)], &[ld(Y, SC), st(Z, 1, SC)], &[ld(Z, SC), ld(X, SC)]],
    )
    .sc(NOT_110),
    Test::new(
        "Z6.0+rel+acq",
        "reads-from, then modification order, then from-reads",
        &[&[st(X, 1, RLX), st(Y, 1, REL)], &[ld(Y, ACQ), st(Z, 1, REL)], &[st(Z, 2, REL), ld(X, ACQ)]],
    )
    .finals(&[Z])
    .sc("001 002 011 012 101 111 112")
    .weak("102"),
    Test::new(
        "Z6.1+rel+acq",
        "modification order, then reads-from",
        &[&[st(X, 2, REL), st(Y, 1, REL)], &[st(Y, 2, REL), st(Z, 1, REL)], &[ld(Z, ACQ), st(X, 1, REL)]],
    )
    .finals(&[X, Y])
    .sc("011 012 021 022 111 112 121")
    .weak("122"),
    Test::new(
        "Z6.2+rel+acq",
        "a message passed on orders writes",
        &[&[st(X, 2, RLX), st(Y, 1, REL)], &[ld(Y, ACQ), st(Z, 1, REL)], &[ld(Z, ACQ), st(X, 1, RLX)]],
    )
    .finals(&[X])
    .sc("001 002 011 012 101 102 111"),
    Test::new(
        "Z6.2+rlx",
        "nothing is ordered",
        &[&[st(X, 2, RLX), st(Y, 1, RLX)], &[ld(Y, RLX), st(Z, 1, RLX)], &[ld(Z, RLX), st(X, 1, RLX)]],
    )
    .finals(&[X])
    .sc("001 002 011 012 101 102 111")
    .weak("112"),
    Test::new(
        "Z6.3+rel+acq",
        "modification order, then a message",
        &[&[st(X, 1, REL), st(Y, 1, REL)], &[st(Y, 2, REL), st(Z, 1, REL)], &[ld(Z, ACQ), ld(X, ACQ)]],
    )
    .finals(&[Y])
    .sc("001 002 011 012 101 111 112")
    .weak("102"),
    Test::new(
        "Z6.3+fence-sc",
        "SeqCst fences everywhere order",
        &[
            &[st(X, 1, RLX), fence(SC), st(Y, 1, RLX)],
            &[st(Y, 2, RLX), fence(SC), st(Z, 1, RLX)],
            &[ld(Z, RLX), fence(SC), ld(X, RLX)],
        ],
    )
    .finals(&[Y])
    .sc("001 002 011 012 101 111 112"),
    Test::new(
        "Z6.4+rel+acq",
        "modification order, then from-reads twice",
        &[&[st(X, 1, REL), st(Y, 1, REL)], &[st(Y, 2, REL), ld(Z, ACQ)], &[st(Z, 1, REL), ld(X, ACQ)]],
    )
    .finals(&[Y])
    .sc("001 011 012 101 102 111 112")
    .weak("002"),
    Test::new(
        "Z6.4+sc",
        "all SeqCst",
        &[&[st(X, 1, SC), st(Y, 1, SC)], &[st(Y, 2, SC), ld(Z, SC)], &[st(Z, 1, SC), ld(X, SC)]],
    )
    .finals(&[Y])
    .sc("001 011 012 101 102 111 112"),
    Test::new(
        "Z6.5+rel",
        "three write races in a ring",
        &[&[st(X, 1, REL), st(Y, 1, REL)], &[st(Y, 2, REL), st(Z, 1, REL)], &[st(Z, 2, REL), ld(X, ACQ)]],
    )
    .finals(&[Y, Z])
    .sc("011 012 021 111 112 121 122")
    .weak("022"),
    Test::new(
        "Z6.U",
        "SeqCst mixed with release: RC11 and C++20 allow what C++11 forbade",
        &[&[st(X, 1, SC), st(Y, 1, REL)], &[add(Y, 1, SC), ld(Y, RLX)], &[st(Y, 3, SC), ld(X, SC)]],
    )
    .finals(&[Y])
    .sc("0101 0111 0113 0301 0311 0313 1202 1212 1213 1313 3101 3111 3401 3411 3414")
    .weak("0103 0303 1203 1303 3404"),
];
