#!/bin/sh
# The exact explorer against the oracles, at length: 20,000 straight-line programs (two thirds without locks, one
# third with them), 1,000 larger ones against themselves, and 10,000 that branch and wait. Every program is a function of its seed; a failure prints its
# seed and the smallest program that still fails. Start elsewhere with SELVEDGE_ORACLE_SEED=<n>.
#
# The test harness runs the campaigns on all cores. In release, so without the engine's own rechecking of each local
# decision: that is what the plain `cargo test` adds.
set -eu
cd "$(dirname "$0")/.."

: "${SELVEDGE_ORACLE_SEED:=100000}"
export SELVEDGE_ORACLE_SEED

run() {
    programs=$1
    shift
    SELVEDGE_ORACLE_PROGRAMS=$programs cargo test --release --quiet -p selvedge --features check "$@"
}

run 13400 --test oracle -- --nocapture straight_line
run 6600 --test oracle -- --nocapture with_locks
run 1000 --test oracle -- --nocapture larger
run 2000 --test oracle_blocking -- --nocapture
