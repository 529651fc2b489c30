#!/usr/bin/env bash
# Installs what the jobs need beyond a bare Rust toolchain, if it is missing, and says so:
#
# * valgrind, by apt-get, for ci/cost.sh (Linux only);
# * chromium and its driver, by apt-get, for ci/report.sh (Linux only);
# * cargo-nextest, by `cargo install` (some minutes of compiling), for ci/downstream.sh.
#
# What cannot be installed here (no network, not root) is said and is no failure of this script. Without nextest
# ci/downstream.sh leaves that part out and says so, without chromium ci/report.sh does; without valgrind ci/cost.sh fails.
set -uo pipefail
cd "$(dirname "$0")/.."

if [ "$(uname)" = Linux ] && ! command -v valgrind >/dev/null; then
    echo "tools: valgrind is missing: installing it with apt-get"
    sudo=$(command -v sudo || true)
    { $sudo apt-get update -qq && $sudo apt-get install -y -qq valgrind; } >/dev/null ||
        echo "tools: cannot install valgrind"
fi
if [ "$(uname)" = Linux ] && ! { command -v chromium && command -v chromedriver; } >/dev/null; then
    echo "tools: chromium or its driver is missing: installing them with apt-get"
    sudo=$(command -v sudo || true)
    { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends chromium chromium-driver; } >/dev/null ||
        echo "tools: cannot install chromium"
fi
if ! cargo nextest --version >/dev/null 2>&1; then
    echo "tools: cargo-nextest is missing: installing it with cargo install"
    cargo install cargo-nextest --locked --quiet || echo "tools: cannot install cargo-nextest"
fi
exit 0
