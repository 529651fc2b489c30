#!/usr/bin/env bash
# A crate outside the workspace checks its own code with five lines of glue: with a planted race its tests fail and
# say so, without it they pass; under plain `cargo test`, under cargo-nextest if it is installed, and under
# `--cfg loom`. Usage: ci/downstream.sh
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
crate=$(mktemp -d)
trap 'rm -rf "$crate"' EXIT
cp -R "$root/ci/downstream/src" "$root/ci/downstream/tests" "$crate/"
sed "s|@SELVEDGE@|$root|" "$root/ci/downstream/Cargo.toml.in" >"$crate/Cargo.toml"
# The versions that this repository was tested with.
cp "$root/Cargo.lock" "$crate/Cargo.lock"
cd "$crate"
export CARGO_TARGET_DIR="$root/target/downstream" CARGO_TERM_COLOR=never
unset RUSTFLAGS

fail() {
    echo "downstream: $*" >&2
    exit 1
}

# passes WHAT COMMAND..: the command succeeds.
passes() {
    echo "== $1: passes without the planted race"
    "${@:2}" >"$crate/log" 2>&1 || { tail -40 "$crate/log"; fail "$1: the fix does not pass"; }
}

# finds WHAT COMMAND..: the command fails, with both the catalogue and the ordinary tests naming the race.
finds() {
    echo "== $1: finds the planted race"
    if "${@:2}" >"$crate/log" 2>&1; then fail "$1: the planted race passes"; fi
    grep -q "VIOLATED race-free (data-race)" "$crate/log" || { tail -40 "$crate/log"; fail "$1: no race is named"; }
    for test in mailbox::mailbox::loom a_letter_is_read_whole two_models_in_one_test; do
        grep -Eq "(test .*$test .*FAILED|FAIL .*$test)" "$crate/log" || fail "$1: $test did not fail"
    done
}

passes "cargo test" cargo test
for engine in native loom shuttle::random exact; do
    grep -q "mailbox::mailbox::$engine *\.\.\. ok" "$crate/log" || fail "no test of its own for $engine"
done
finds "cargo test" cargo test --no-fail-fast --features planted

if cargo nextest --version >/dev/null 2>&1; then
    passes "cargo nextest" cargo nextest run
    finds "cargo nextest" cargo nextest run --no-fail-fast --features planted
else
    echo "== cargo nextest is not installed: left out"
fi

export RUSTFLAGS="--cfg loom"
passes "--cfg loom" cargo test
listed=$(cargo test -q --test models -- --list | grep ': test$')
[ "$listed" = "mailbox::mailbox::loom: test" ] || fail "--cfg loom lists: $listed"
finds "--cfg loom" cargo test --no-fail-fast --features planted
echo "downstream: ok"
