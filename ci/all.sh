#!/usr/bin/env bash
# Every job that a commit must pass, one after the other; all are run even if one fails. Each is a script of its
# own that can be run alone. Usage: ci/all.sh [JOB..]
#
# Output goes to target/ci/JOB.log; of a job that fails, the end is shown. The last line says how it went, and
# what was left out because something is missing on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

commit=(fmt clippy msrv docs test gate replay report litmus lanes production downstream exact bench-smoke)
# Not for every commit. cost is part of production, tools is what this script begins with.
others=(all cost tools sabotage)

# A script that nobody runs checks nothing.
for script in ci/*.sh; do
    name=$(basename "$script" .sh)
    [[ " ${commit[*]} ${others[*]} " == *" $name "* ]] || { echo "ci: nothing runs $script"; exit 1; }
done
for job in "${commit[@]}"; do
    grep -q "[[, ]$job[],]" .github/workflows/ci.yml || { echo "ci: the workflow does not run $job"; exit 1; }
done

bash ci/tools.sh
[ $# -gt 0 ] || set -- "${commit[@]}"
logs=target/ci
mkdir -p "$logs"
failed=() start=$(date +%s) TIMEFORMAT='%0R s (processor %0U + %0S s)'
for job in "$@"; do
    code=0
    # Wall clock, and processor time, which says more on a busy machine.
    spent=$({ time bash "ci/$job.sh" >"$logs/$job.log" 2>&1; } 2>&1) || code=$?
    if [ $code -eq 0 ]; then
        printf 'ci: %-12s ok      %s\n' "$job" "$spent"
    else
        printf 'ci: %-12s FAILED  %s; the end of %s/%s.log:\n' "$job" "$spent" "$logs" "$job"
        tail -40 "$logs/$job.log" | sed 's/^/    /'
        failed+=("$job")
    fi
    grep -h -i -E 'left out|skipped,' "$logs/$job.log" | sed 's/^/    /' || true
done
seconds=$(($(date +%s) - start))

if [ ${#failed[@]} -gt 0 ]; then
    echo "ci: FAILED: ${failed[*]} ($# jobs, $seconds s)"
    exit 1
fi
echo "ci: ok: $# jobs, $seconds s"
