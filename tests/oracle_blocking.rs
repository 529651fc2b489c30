//! The exact explorer against independent answers on programs that branch, choose and wait: under RC11 and SC by
//! guessing what is read (as many executions as graphs), and under SC by a machine that runs every schedule (the
//! same outcomes, and the same ways to stand still).
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use support::oracle::campaign::{Campaign, run};
use support::oracle::{compare, random_blocking};

#[test]
fn control_flow_and_choices() {
    run(&Campaign {
        name: "control flow",
        programs: 300,
        make: random_blocking::flow,
        judge: |p| compare::control_flow(p, 20_000),
    });
}

#[test]
fn condition_variables() {
    run(&Campaign {
        name: "condition variables",
        programs: 300,
        make: random_blocking::condvars,
        judge: |p| compare::blocking(p, 20_000),
    });
}

#[test]
fn locks_waited_for_and_tried() {
    run(&Campaign {
        name: "locks, waited for and tried",
        programs: 150,
        make: random_blocking::locks,
        judge: |p| compare::blocking(p, 20_000),
    });
}

#[test]
fn parking() {
    run(&Campaign {
        name: "parking",
        programs: 300,
        make: random_blocking::parking,
        judge: |p| compare::blocking(p, 20_000),
    });
}

#[test]
fn polling() {
    run(&Campaign {
        name: "polling",
        programs: 300,
        make: random_blocking::polling,
        judge: |p| compare::blocking(p, 20_000),
    });
}
