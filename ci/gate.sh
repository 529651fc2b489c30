#!/usr/bin/env bash
# The gate at the quick budget: every verdict as declared; the same seed gives the same JSON, times aside, whatever the
# number of workers; the shards are the whole, once. At most 60 seconds each on two cores, and 4 GiB of memory.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --release
gate="${CARGO_TARGET_DIR:-target}/release/selvedge"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# run NAME ARGUMENTS..: one run, whose results are compared without their times.
run() {
    local name=$1 code=0
    shift
    SECONDS=0
    "$gate" check --format json "$@" >"$scratch/$name.raw" || code=$?
    echo "gate: check $* took $SECONDS s"
    if [ $code -ne 0 ]; then
        grep '"as_declared":false' "$scratch/$name.raw" || true
        echo "gate: check $* exits with $code"
        exit 1
    fi
    tail -1 "$scratch/$name.raw" | grep -q '"type":"summary".*"differing":0' ||
        { echo "gate: the last line is no summary with nothing differing"; exit 1; }
    sed 's/"seconds":[0-9.e-]*/"seconds":0/g' "$scratch/$name.raw" >"$scratch/$name"
}

# same A B WHAT
same() {
    diff "$scratch/$1" "$scratch/$2" >"$scratch/diff" || { head -20 "$scratch/diff"; echo "gate: $3"; exit 1; }
}

run first --jobs 2
run again --jobs 2
same first again "two runs with one seed differ"
run alone --jobs 1
same first alone "results depend on --jobs"

"$gate" replay models/counterexamples >"$scratch/replayed" ||
    { cat "$scratch/replayed"; echo "gate: a committed counterexample is not what it was"; exit 1; }

for k in 1 2 3; do run "shard$k" --shard $k/3; done
grep -h '"type":"check"' "$scratch"/shard[123] | sort >"$scratch/shards"
grep '"type":"check"' "$scratch/first" | sort >"$scratch/whole"
same whole shards "three shards are not the whole"
echo "gate: $(wc -l <"$scratch/whole") checks, all as declared"
