#!/usr/bin/env bash
# The HTML report of the whole catalogue, in headless Chromium: it opens from disk without a console error, arrow keys
# step to the violation, a permalink opens at its step, and the file is under 5 MB. Without Chromium it fails.
#
# No driver is needed: a copy of the page gets a script that presses the keys and writes down what it sees, and Chromium
# prints the document.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${REPORT_PROFILE:-release}
cargo build --quiet --profile "${profile/debug/dev}" -p selvedge-models --bin selvedge
gate="${CARGO_TARGET_DIR:-target}/$profile/selvedge"
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "report: chromium is missing (apt-get install chromium)"; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() { echo "report: $*"; exit 1; }

code=0
"$gate" report --out "$scratch" || code=$?
[ $code -le 1 ] || fail "selvedge report exits with $code"
page="$scratch/report.html"
size=$(stat -c %s "$page")
[ "$size" -lt 5000000 ] || fail "the page has $size bytes"
! grep -qE 'src="|href="http|url\(' "$page" || fail "the page asks for something that is not in it"

# browse FILE#HASH NAME: the document as Chromium has it after the scripts, in NAME.dom; its console in NAME.log.
browse() {
    timeout 60 "$chromium" --headless --no-sandbox --disable-gpu --user-data-dir="$scratch/profile" \
        --enable-logging=stderr --virtual-time-budget=5000 --dump-dom "file://$1" \
        >"$scratch/$2.dom" 2>"$scratch/$2.log" || fail "chromium cannot open $1"
    ! grep -E 'CONSOLE.*(Uncaught|Error|Refused|Failed)' "$scratch/$2.log" || fail "the console complains"
}

probed="$scratch/probed.html"
cp "$page" "$probed"
cat >>"$probed" <<'PROBE'
<script>
addEventListener('load', () => {
  const rows = [...document.querySelectorAll('#steps tbody tr')].filter((r) => /^\d/.test(r.firstChild.textContent));
  const press = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  const now = () => rows.findIndex((r) => r.getAttribute('aria-current') === 'step') + 1;
  const seen = [now()];
  for (let i = 0; i < rows.length; i++) press('ArrowRight');
  seen.push(now() === rows.length ? 'end' : 'stuck at ' + now(), document.getElementById('where').textContent);
  press('ArrowLeft');
  seen.push(now() === rows.length - 1 ? 'back' : 'not back', location.hash.endsWith('step=' + now()) ? 'linked' : 'unlinked');
  const opened = performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd;
  document.body.dataset.probe = seen.join(' / ') + ' / ' + Math.round(opened) + ' ms';
});
</script>
PROBE
browse "$probed#step=3" keys
probe=$(grep -o 'data-probe="[^"]*"' "$scratch/keys.dom") || fail "the script of the page did not run"
echo "report: $size bytes, $probe"
[[ $probe == *'="3 / end / step '*'is violated'*'/ back / linked / '* ]] || fail "the stepper does not step"
[ "$(sed -E 's|.* / ([0-9]+) ms"|\1|' <<<"$probe")" -lt 1000 ] || fail "it takes more than a second to open"

# A permalink names its counterexample too: the last of the list, at its second step.
last=$(grep -o '<option value="[0-9]*">[^:]*' "$scratch/keys.dom" | tail -1 | sed 's/.*>//')
browse "$page#cx=$last&step=2" link
grep -q 'aria-current="step"><td class="n">2' "$scratch/link.dom" || fail "the link to $last, step 2, opens elsewhere"

if [ -n "${REPORT_SCREENSHOT:-}" ]; then
    "$chromium" --headless --no-sandbox --disable-gpu --user-data-dir="$scratch/profile" --window-size=1400,1300 \
        --screenshot="$REPORT_SCREENSHOT" "file://$page#step=4" 2>/dev/null
fi
echo "report: ok"
