#!/usr/bin/env bash
# clippy without warnings: everything with all features (the checked form), and the library with none (what
# ships). The workspace alone would not do: it unifies features, and so never sees the production form.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo clippy --quiet --workspace --all-targets --all-features -- -D warnings
cargo clippy --quiet -p selvedge --all-targets --no-default-features -- -D warnings
