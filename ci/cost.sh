#!/usr/bin/env bash
# The production form of the facade costs nothing: a kernel over the facade executes as many instructions as the
# same kernel over the plain crates.
#
# Counted by callgrind, as the difference between a long and a short run, so that start-up does not count. They
# must differ by less than two instructions a round (of about two hundred). Not by none: the compiler optimises two
# separate functions and does not allocate registers alike in both, which is seen to cost a move. Two, because a
# single operation of the facade that was not inlined would cost at least that: its call and its return.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v valgrind >/dev/null; then
    [ "$(uname)" = Linux ] || { echo "cost: skipped, callgrind runs on Linux only"; exit 0; }
    sudo=$(command -v sudo || true)
    $sudo apt-get install -y -qq valgrind >/dev/null || { $sudo apt-get update -qq && $sudo apt-get install -y -qq valgrind >/dev/null; }
fi

cargo build --quiet --release -p selvedge-bench --bin cost
binary="${CARGO_TARGET_DIR:-target}/release/cost"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Instructions that `cost $1 $2` executes.
instructions() {
    valgrind --tool=callgrind --callgrind-out-file="$scratch/out" "$binary" "$1" "$2" >"$scratch/digest.$1" 2>"$scratch/log" ||
        { cat "$scratch/log"; exit 1; }
    sed -n 's/^summary: \([0-9]*\).*/\1/p' "$scratch/out"
}

short=1000 long=21000
for form in facade plain; do
    few=$(instructions $form $short)
    many=$(instructions $form $long)
    declare "$form=$((many - few))"
done
cmp "$scratch/digest.facade" "$scratch/digest.plain" || { echo "cost: the kernels compute different things"; exit 1; }

rounds=$((long - short))
echo "cost: facade $((facade / rounds)) instructions a round, plain $((plain / rounds)) ($facade and $plain in $rounds rounds)"
difference=$((facade - plain))
if [ ${difference#-} -ge $((2 * rounds)) ]; then
    echo "cost: the facade is not free: they differ by $difference instructions in $rounds rounds"
    exit 1
fi
