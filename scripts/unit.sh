#!/bin/bash
# Runs the unit tests of a build folder and counts the single tests: scripts/unit.sh BUILD
# An instrumented build leaves its counts in BUILD/coverage (scripts/coverage.sh).
# shows: TEST-13
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1:check_initialization_order=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-suppressions=$PWD/tests/tsan.supp}
export LLVM_PROFILE_FILE=$PWD/$1/coverage/%2m.profraw

log=$1/meson-logs/testlog.json
rm -f "$log"
meson test -C "$1" --no-rebuild --suite unit --quiet --timeout-multiplier 3
status=$?
[[ -f $log ]] || { echo "no unit test ran"; exit 1; }
node scripts/unit_counts.js "$log" || exit 1
exit $status
