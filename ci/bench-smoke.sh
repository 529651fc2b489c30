#!/usr/bin/env bash
# The benchmarks still run: few rounds, and no claim about speed, which a shared machine cannot support. What each
# number means, and the command that reproduces it, is on top of the benchmark.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --release -p selvedge-bench --bins
cargo run --quiet --release -p selvedge-bench --features checked --bin engine-overhead 1
# Asserts that the executions are the optimum, and that workers change nothing.
cargo run --quiet --release -p selvedge-bench --features checked --bin exact-speed 1
# Fails if a counterexample of the catalogue takes more than 10 s of processor time to be made short.
cargo run --quiet --release -p selvedge-bench --features checked --bin shortening
