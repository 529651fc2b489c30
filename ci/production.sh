#!/usr/bin/env bash
# What ships: the library without the feature `check`. Its tests and examples pass, it depends on three crates and
# theirs, and it packages.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "production: tests"
cargo test --quiet -p selvedge

echo "production: examples"
for example in examples/*.rs; do
    grep -q 'sync::CHECKED' "$example" || { echo "$example does not assert which form it is"; exit 1; }
    cargo run --quiet -p selvedge --example "$(basename "$example" .rs)" >/dev/null
done

echo "production: dependencies"
# Normal dependencies, and what they bring along. A name that is new here was let in by somebody.
expected="arc-swap parking_lot static_assertions"
direct=$(cargo tree --quiet -p selvedge -e normal --depth 1 --prefix none --format '{p}' | tail -n +2 | cut -d' ' -f1 | sort -u | xargs)
[ "$direct" = "$expected" ] || { echo "direct dependencies are: $direct; expected: $expected"; exit 1; }
theirs=$(for crate in $expected; do cargo tree --quiet -p "$crate" -e normal --prefix none --format '{p}' | cut -d' ' -f1; done | sort -u | xargs)
all=$(cargo tree --quiet -p selvedge -e normal --prefix none --format '{p}' | tail -n +2 | cut -d' ' -f1 | sort -u | xargs)
[ "$all" = "$theirs" ] || { echo "dependencies are: $all; those of $expected are: $theirs"; exit 1; }

echo "production: package"
cargo package --quiet -p selvedge --allow-dirty

echo "production: cost"
bash ci/cost.sh
