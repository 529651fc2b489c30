//! The exact explorer against brute force on random straight-line programs: as many executions, with the same
//! outcomes, as there are graphs that the axioms of RC11 (or plain interleaving) allow; the same verdict where there
//! is a race or a deadlock; the same with two workers.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use support::oracle::campaign::{Campaign, run};
use support::oracle::{compare, metamorphic, random};

#[test]
fn straight_line_programs() {
    run(&Campaign {
        name: "straight-line",
        programs: 700,
        make: random::straight,
        judge: |p| compare::straight_line(p, 100_000),
    });
}

#[test]
fn programs_with_locks() {
    run(&Campaign {
        name: "locks",
        programs: 300,
        make: random::locked,
        judge: |p| compare::straight_line(p, 100_000),
    });
}

#[test]
fn larger_programs_against_themselves() {
    run(&Campaign { name: "larger", programs: 40, make: random::large, judge: metamorphic::unchanged });
}
