#!/bin/sh
# Sabotage: each one-line mutant of the engines in sabotage.txt is built in a copy of the tree, and the tests that it
# names must go red. A mutant whose old text is not found exactly once is an error: the list must follow the
# code. `ci/sabotage.sh 3 7` runs the third and the seventh alone; `ci/sabotage.sh -l` lists them and checks the texts.
#
# The engine's own debug assertions are off, so that what goes red are the oracles. One target directory serves all:
# each mutant costs an incremental build. SABOTAGE_PROGRAMS (default 700) is the number of programs per campaign.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
list=$root/ci/sabotage.txt
work=$root/target/sabotage
tree=$work/tree

export CARGO_TARGET_DIR="$work/target"
export CARGO_PROFILE_TEST_OPT_LEVEL=1 CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_TEST_DEBUG_ASSERTIONS=false
export CARGO_INCREMENTAL=1 RUST_BACKTRACE=0
export SELVEDGE_ORACLE_PROGRAMS="${SABOTAGE_PROGRAMS:-700}"

# field N KEY: a mutant's name, file, tests, old or new text.
field() {
    awk -v want="$1" -v key="$2" '
        /^== / { n++; part = ""; if (n == want && key == "name") print substr($0, 4); next }
        n != want { next }
        part == "" && /^(file|tests) / { if (key == $1) { sub(/^[a-z]+ /, ""); print }; next }
        /^(old|new|end)$/ { part = $0; next }
        part == key { print }
    ' "$list"
}

# path N: the mutant's file. It is the exact explorer's, unless it begins with a slash: then it is under src/check; or with
# two: then it is under src.
path() {
    f=$(field "$1" file)
    case $f in //*) echo "src/${f#//}" ;; /*) echo "src/check$f" ;; *) echo "src/check/engine/exact/$f" ;; esac
}

# mutate N < original > mutated: fails unless the old text is there exactly once.
mutate() {
    field "$1" old >"$work/old"
    field "$1" new >"$work/new"
    awk -v old="$work/old" -v new="$work/new" '
        function slurp(f,   s, l) { s = ""; while ((getline l < f) > 0) s = s (s == "" ? "" : "\n") l; return s }
        BEGIN { o = slurp(old); w = slurp(new) }
        { text = text $0 "\n" }
        END {
            at = index(text, o)
            rest = substr(text, at + length(o))
            if (o == "" || at == 0 || index(rest, o) > 0) exit 3
            printf "%s%s%s", substr(text, 1, at - 1), w, rest
        }
    '
}

# selects TARGET: cargo's options for a test target; `lib` is the library's own tests.
selects() {
    case $1 in lib) echo --lib ;; *) echo "--test $1" ;; esac
}

# red TEST: does this test target (or target:filter) fail?
red() {
    target=$(selects "${1%%:*}")
    case $1 in *:*) filter=${1#*:} ;; *) filter= ;; esac
    # A mutant may loop for ever: that is red too.
    # shellcheck disable=SC2086
    ! (cd "$tree" && timeout 600 cargo test --quiet -p selvedge --features check $target -- $filter) \
        >"$work/log" 2>&1
}

# build TEST...: apart from running them, for what does not compile is not noticed, and only a run is timed.
build() {
    targets=
    for t in $(printf '%s\n' "$@" | sed 's/:.*//' | sort -u); do targets="$targets $(selects "$t")"; done
    # shellcheck disable=SC2086
    if ! (cd "$tree" && cargo test --quiet --no-run -p selvedge --features check $targets) >"$work/log" 2>&1; then
        cat "$work/log" >&2
        exit 1
    fi
}

mkdir -p "$work"
count=$(grep -c '^== ' "$list")
bad=0
if [ "${1:-}" = -l ]; then mode=list && shift; else mode=run; fi
if [ $# -eq 0 ]; then set -- $(seq "$count"); fi

for n in "$@"; do
    source=$(path "$n")
    if ! mutate "$n" <"$source" >"$work/mutated"; then
        echo "$n: $(field "$n" name): the old text is not found exactly once in $source" >&2
        bad=1
    elif [ $mode = list ]; then
        echo "$n: $(field "$n" name) ($source; $(field "$n" tests))"
    fi
done
[ $bad -eq 0 ] || exit 1
[ $mode = run ] || exit 0

rm -rf "$tree"
mkdir -p "$tree"
# Modified now (-m), not when the original was: what an interrupted run has built from a mutant is out of date.
git ls-files -z --cached --others --exclude-standard | xargs -0 tar cf - 2>/dev/null | tar xmf - -C "$tree"

echo "building the original, which must be green"
tests=$(awk '$1 == "tests" { for (i = 2; i <= NF; i++) print $i }' "$list" | sort -u)
# shellcheck disable=SC2086
build $tests
for t in $tests; do
    if red $t; then
        cat "$work/log" >&2
        exit 1
    fi
done

alive=0
start=$(date +%s)
for n in "$@"; do
    source=$(path "$n")
    mutate "$n" <"$source" >"$work/mutated"
    cat "$work/mutated" >"$tree/$source"
    # shellcheck disable=SC2046
    build $(field "$n" tests)
    noticed=
    for t in $(field "$n" tests); do
        if red "$t"; then
            noticed="$noticed $t"
        else
            echo "$n: SURVIVED $t: $(field "$n" name)"
            alive=$((alive + 1))
        fi
    done
    [ -z "$noticed" ] || echo "$n: noticed by$noticed: $(field "$n" name)"
    cat "$source" >"$tree/$source"
done
echo "$# mutants, $alive not noticed; $(($(date +%s) - start)) s"
[ $alive -eq 0 ]
