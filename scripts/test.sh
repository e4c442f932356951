#!/bin/bash
# Runs every suite and ends with one line, "N passed, N failed".
#
#   scripts/test.sh           one round of each fault test (make test)
#   scripts/test.sh long      the stated counts (make test-long)
#   scripts/test.sh short unit fault      only the named suites
#
# A suite is a line below: its name, its time limit in seconds, its command. Whatever the command
# is, its last line of output must read "N passed, N failed"; a suite that says nothing of the kind,
# or that ran no test, has failed. Its whole output is in build/test-logs/NAME.log; lines that begin
# with "note: " are shown, and the end of it when something failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
build=${BUILD:-build}
logs=$build/test-logs
mode=${1:-short}
only=" ${*:2} "

total_passed=0 total_failed=0

suite() { # name, limit in seconds, command…
    local name=$1 limit=$2 status=0 started=$SECONDS log=$logs/$1.log passed=0 failed=0 counts
    shift 2
    [[ $only == "  " || $only == *" $name "* ]] || return 0
    printf '%-18s' "$name"
    timeout --kill-after=20 "$limit" "$@" >"$log" 2>&1 </dev/null || status=$?
    counts=$(grep -Eo '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
    [[ $counts ]] && read -r passed _ failed _ <<<"$counts"
    if ((status != 0 && failed == 0)) || ((passed + failed == 0)); then failed=$((failed + 1)); fi
    printf '%5d passed  %3d failed  %4d s\n' "$passed" "$failed" $((SECONDS - started))
    sed -n 's/^note: /    /p' "$log"
    total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed))
    ((failed == 0)) || show_end "$name" "$status" "$limit"
}

# What the suites stand on; without it there is nothing to count.
prepare() { # command…
    local started=$SECONDS log=$logs/build.log
    printf '%-18s' build
    if ! "$@" >"$log" 2>&1 </dev/null; then
        echo "failed"
        tail -n 60 "$log" | sed 's/^/    /'
        echo "0 passed, 1 failed"
        exit 1
    fi
    printf '%34d s\n' $((SECONDS - started))
}

show_end() { # name, exit status, limit
    [[ $2 == 124 || $2 == 137 ]] && echo "    stopped after its $3 seconds"
    tail -n 60 "$logs/$1.log" | sed 's/^/    /'
}

node_tests() { # folder, the files of it that are wanted (all)
    local folder=$1 files=()
    shift
    # shellcheck disable=SC2206 # the name may be a star
    for name in "${@:-*}"; do files+=("tests/$folder"/$name.test.js); done
    echo node --test --test-reporter=./tests/lib/reporter.js "${files[@]}"
}

mkdir -p "$logs"
prepare scripts/build_suites.sh "$build" "$build-asan" "$build-tsan"
asan=(env TEST_PATIENCE=2 "METACHAT_BIN=$build-asan/metachat" "LLVM_PROFILE_FILE=$PWD/$build-asan/coverage/%2m.profraw")
tsan=(env TEST_PATIENCE=6 "METACHAT_BIN=$build-tsan/metachat" "TSAN_OPTIONS=suppressions=$PWD/tests/tsan.supp")
export METACHAT_BIN=$build/metachat
[[ $only != "  " || $mode == long ]] || rm -rf "$build-asan/coverage"

# shellcheck disable=SC2046 # node_tests gives words
if [[ $mode != long ]]; then
    suite checks       300 scripts/checks.sh
    suite tidy         300 scripts/analyze.sh quick
    suite unit         300 scripts/unit.sh "$build"
    suite unit-asan    600 scripts/unit.sh "$build-asan"
    suite unit-tsan    600 scripts/unit.sh "$build-tsan"
    suite harness       60 $(node_tests lib)
    suite docs         120 $(node_tests docs)
    suite soak-judge    60 $(node_tests soak)
    suite integration  600 $(node_tests integration)
    suite integration-asan 900 "${asan[@]}" $(node_tests integration)
    suite integration-tsan 600 "${tsan[@]}" $(node_tests integration smoke chat)
    suite coverage     120 scripts/coverage.sh "$build-asan"
    suite fault        600 env KILLS=10 $(node_tests fault)
    suite browser      300 $(node_tests browser)
    suite mutation     300 node tests/mutation/run.js 1
    suite fuzz         600 scripts/fuzz.sh 10
else
    suite analyze     1200 scripts/analyze.sh
    suite integration-tsan 1800 "${tsan[@]}" $(node_tests integration)
    suite fault       1800 env KILLS=50 CUTS=1000 SWEEP=all SWEEP_SECONDS=200 $(node_tests fault)
    suite fault-asan  1800 "${asan[@]}" KILLS=10 SWEEP=all SWEEP_SECONDS=100 $(node_tests fault)
    suite mutation     900 node tests/mutation/run.js
    suite soak         600 node tests/soak/run.js 3 "$build/soak"
    suite fuzz        1200 scripts/fuzz.sh 20
fi

echo "$total_passed passed, $total_failed failed"
((total_failed == 0))
