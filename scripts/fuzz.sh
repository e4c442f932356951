#!/bin/bash
# Fuzzes every target for some seconds, from its corpus in tests/fuzz/corpus: scripts/fuzz.sh SECONDS
# A find is left in BUILD-fuzz/finds; put it into the corpus together with its repair.
# shows: TEST-10
set -uo pipefail
cd "$(dirname "$0")/.." || exit
seconds=$1
build=${BUILD:-build}-fuzz
finds=$build/finds
passed=0 failed=0

TARGET=fuzz_targets CC=clang TESTS=false scripts/build.sh "$build" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false ||
    { echo "0 passed, 1 failed"; exit 1; }
mkdir -p "$finds"

one() { # program
    local name seeds grown
    name=$(basename "$1" _fuzz)
    seeds=tests/fuzz/corpus/$name grown=$build/corpus/$name
    mkdir -p "$grown"
    [[ -d $seeds ]] || seeds=
    # shellcheck disable=SC2086 # no seeds, no word
    "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="$finds/$name-" "$grown" $seeds
}

for program in "$build"/tests/fuzz/*_fuzz; do
    [[ -x $program ]] || continue
    echo "== $(basename "$program")"
    if one "$program"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
