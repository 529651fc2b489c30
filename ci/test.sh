#!/usr/bin/env bash
# What a newcomer types: `cargo test`, which needs nothing but cargo and may take five minutes with the build on two
# cores. Then again with the feature `http`, for the transport over real sockets (loopback only).
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --quiet
cargo test --quiet --features http
