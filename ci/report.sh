#!/usr/bin/env bash
# The HTML report of the whole catalogue, read in headless Chromium as people read it: from disk, without a network, with
# the keyboard, in light, dark, narrow and print. What is looked at is in ci/report.py.
#
# Usage: ci/report.sh; REPORT_SCREENSHOTS=DIR keeps pictures, REPORT_PROFILE=debug spares a release build. Chromium and its
# driver are installed if that is possible; if it is not, this part is left out and says so.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${REPORT_PROFILE:-release}
cargo build --quiet --profile "${profile/debug/dev}" -p selvedge-models --bin selvedge --bin selvedge-planted \
    --bin selvedge-misbehaving
gate="${CARGO_TARGET_DIR:-target}/$profile/selvedge"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() { echo "report: $*"; exit 1; }

code=0
"$gate" report --out "$scratch" || code=$?
[ $code -le 1 ] || fail "selvedge report exits with $code"
page="$scratch/report.html"
[ "$(stat -c %s "$page" 2>/dev/null || stat -f %z "$page")" -lt 5000000 ] || fail "the page is larger than 5 MB"
! grep -qE 'src="|href="http|url\(|@import' "$page" || fail "the page asks for something that is not in it"

# One bug of each kind: what the catalogue does not have must be drawn as well.
"${gate}-planted" report --out "$scratch/planted" >/dev/null

# A part of a gate that is red, as it is meant to be.
code=0
"${gate}-misbehaving" report counter/ --out "$scratch/red" >/dev/null || code=$?
[ $code -eq 1 ] || fail "selvedge-misbehaving report exits with $code"

bash ci/tools.sh
for tool in chromium chromedriver python3; do
    command -v $tool >/dev/null || {
        echo "report: left out: $tool is missing and cannot be installed here, so nobody has opened the page"
        exit 0
    }
done
timeout 900 python3 ci/report.py "$page" "$scratch/planted/report.html" "$scratch/red/report.html" ${REPORT_SCREENSHOTS:+"$REPORT_SCREENSHOTS"}
echo "report: ok"
