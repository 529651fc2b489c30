#!/usr/bin/env bash
# Every committed counterexample fails as it did, each time of so many (default 100). Usage: ci/replay.sh [TIMES]
set -euo pipefail
cd "$(dirname "$0")/.."

times=${1:-100}
files=$(find models/counterexamples -name '*.json' | wc -l)
cargo build --release --quiet --bin selvedge
replayed=0
for ((n = 1; n <= times; n++)); do
    # One line a file; whatever is not the same failure along the same path ends this.
    out=$(target/release/selvedge replay models/counterexamples) || { echo "replay $n: $out"; exit 1; }
    same=$(grep -c ': same failure: [^;(]* ([a-z-]*)$' <<<"$out" || true)
    if [ "$same" -ne "$files" ]; then
        grep -v ': same failure: [^;(]* ([a-z-]*)$' <<<"$out"
        echo "replay $n: $same of $files"
        exit 1
    fi
    replayed=$((replayed + same))
done
echo "replay: $replayed of $((files * times)) fail as they did ($files counterexamples, $times times)"
[ "$replayed" -gt 0 ]
