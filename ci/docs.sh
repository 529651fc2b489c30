#!/usr/bin/env bash
# The documentation builds without warnings, links that lead nowhere included: in checked form with every feature,
# and as it ships.
set -euo pipefail
cd "$(dirname "$0")/.."
export RUSTDOCFLAGS="-D warnings"

cargo doc --quiet --workspace --all-features --no-deps
cargo doc --quiet -p selvedge --no-deps
