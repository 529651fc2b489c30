#!/usr/bin/env bash
# Everything compiles with the oldest Rust that Cargo.toml promises (`rust-version`). If the toolchain at hand is
# another, that one is installed beside it with rustup.
set -euo pipefail
cd "$(dirname "$0")/.."

msrv=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
case $(rustc --version) in
"rustc $msrv."*) toolchain="" ;;
*)
    rustup toolchain install "$msrv" --profile minimal
    toolchain="+$msrv"
    ;;
esac
# shellcheck disable=SC2086 # empty is no argument
cargo $toolchain check --quiet --workspace --all-targets --all-features
echo "msrv: compiles with Rust $msrv"
