#!/usr/bin/env bash
# Litmus tests: every engine shows what it is declared to show, and `exact` just what the memory model allows. One
# worker process per test and engine.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo run --release --quiet -- litmus | tail -1
