#!/usr/bin/env bash
# The two conventional lanes, `RUSTFLAGS="--cfg loom"` and `RUSTFLAGS="--cfg shuttle"`: the facade is in checked form
# and `cargo test` runs that engine alone, at the deep budget. Usage: ci/lanes.sh [loom|shuttle]
#
# Each lane names every variant that the catalogue gives its engine, so that a lane cannot pass by running nothing.
# Each has a target folder of its own, because RUSTFLAGS would otherwise rebuild everything at every change.
set -euo pipefail
cd "$(dirname "$0")/.."

expected=$(mktemp) listed=$(mktemp)
trap 'rm -f "$expected" "$listed"' EXIT
[ $# -gt 0 ] || set -- loom shuttle

for lane in "$@"; do
    case $lane in loom | shuttle) ;; *) echo "lanes: the lanes are loom and shuttle, not $lane" >&2; exit 2 ;; esac

    # From the ordinary build: model::variant, once for each that has a check by this engine.
    cargo run --release --quiet -- list --format json |
        sed -n "s/.*\"model\":\"\([^\"]*\)\".*\"variant\":\"\([^\"]*\)\".*\"engine\":\"$lane\".*/\1::\2/p" |
        sort -u >"$expected"
    [ -s "$expected" ] || { echo "lanes: the catalogue has nothing for $lane"; exit 1; }

    export RUSTFLAGS="--cfg $lane" CARGO_TARGET_DIR="target/$lane"
    cargo test --release --quiet -p selvedge-models --test verdicts -- --list |
        sed -n 's/: test$//p' | sed "s/::$lane.*//" | sort -u >"$listed"
    diff "$expected" "$listed" || { echo "lanes: --cfg $lane does not list what the catalogue has for $lane"; exit 1; }
    echo "lanes: $lane lists all $(wc -l <"$expected") of its variants"

    cargo test --release --quiet
    unset RUSTFLAGS CARGO_TARGET_DIR
done
