#!/bin/bash
# Fuzzes every target for some seconds, from its corpus in tests/fuzz/corpus, as many at once as there
# are cores: scripts/fuzz.sh SECONDS
# A find is left in BUILD-fuzz/finds; put it into the corpus together with its repair.
# shows: TEST-10
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export seconds=$1 build=${BUILD:-build}-fuzz
log=$build/fuzz.log

TARGET=fuzz_targets CC=clang TESTS=false scripts/build.sh "$build" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false ||
    { echo "0 passed, 1 failed"; exit 1; }
mkdir -p "$build/finds" "$build/logs"

fuzz() { # program
    local name seeds grown output
    name=$(basename "$1" _fuzz)
    seeds=tests/fuzz/corpus/$name grown=$build/corpus/$name output=$build/logs/$name.log
    mkdir -p "$grown"
    [[ -d $seeds ]] || seeds=
    # shellcheck disable=SC2086 # no seeds, no word
    if "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="$build/finds/$name-" "$grown" $seeds >"$output" 2>&1; then
        echo "ok     $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$output") inputs"
    else
        echo "FAILED $name"
        tail -n 60 "$output" | sed 's/^/    /'
    fi
}
export -f fuzz

# shellcheck disable=SC2016 # the $1 is for the shell within
find "$build/tests/fuzz" -maxdepth 1 -name '*_fuzz' -perm -u+x -print0 | sort -z |
    xargs -0 -n 1 -P "$(nproc)" bash -c 'fuzz "$1"' _ | tee "$log"
passed=$(grep -c '^ok ' "$log")
failed=$(grep -c '^FAILED ' "$log")
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
