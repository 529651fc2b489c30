#!/usr/bin/env bash
# Formatting, by rustfmt.toml. A second.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
