//! Many explorations in one process cost no more memory than a few: minimisers and test suites make thousands of them.
//!
//! One test, because it watches the whole process; on Linux, where the resident set can be asked for.
#![cfg(all(any(feature = "check", loom, shuttle), target_os = "linux"))]

mod known;

use known::{abba, mutex_counter, plan, scenario};
use selvedge::check::engine::{Plan, exact, loom, shuttle};
use selvedge::check::model::Strategy;

/// Bytes that are in memory.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: usize = statm.split(' ').nth(1).expect("the second field").parse().expect("a number");
    // Whatever a page is, it is no smaller.
    pages * 4096
}

/// How much the resident set has grown after `n` times, once it has settled.
fn growth(n: usize, mut explore: impl FnMut()) -> usize {
    (0..n).for_each(|_| explore());
    let before = resident();
    (0..n).for_each(|_| explore());
    resident().saturating_sub(before)
}

#[test]
fn explorations_leave_nothing_behind() {
    const N: usize = 2_000;
    // Less than 64 bytes for each.
    const FLAT: usize = 128 << 10;
    let counts = scenario(mutex_counter);
    let few = |s| Plan { executions: 2, ..plan(s) };
    for s in [Strategy::Random, Strategy::Pct, Strategy::Urw, Strategy::Dfs] {
        let grown = growth(N, || drop(shuttle::explore(&counts, &few(s))));
        assert!(grown < FLAT, "shuttle {s:?}: {grown} bytes in {N} explorations");
    }
    let grown = growth(N, || drop(shuttle::replay(&counts, &few(Strategy::Dfs), &[], false)));
    assert!(grown < FLAT, "replays: {grown} bytes in {N}");
    let grown = growth(N, || drop(loom::explore(&counts, &few(Strategy::Random))));
    assert!(grown < FLAT, "loom: {grown} bytes in {N} explorations");
    let grown = growth(N, || drop(exact::explore(&counts, &few(Strategy::Random))));
    assert!(grown < FLAT, "exact: {grown} bytes in {N} explorations");
    // What the model had allocated in a failing execution is never dropped, and nothing else stays.
    let fails = scenario(|| abba(false));
    let grown = growth(N, || drop(shuttle::explore(&fails, &plan(Strategy::Dfs))));
    assert!(grown < N * 1024, "failing: {grown} bytes in {N} explorations");
}
