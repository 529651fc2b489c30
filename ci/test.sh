#!/usr/bin/env bash
# What a newcomer types: `cargo test`, which needs nothing but cargo and may take five minutes with the build on two
# cores. Then what the feature `http` adds: the transport over real sockets (loopback only).
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --quiet
cargo test --quiet -p selvedge --features http --test rest_connection_http
