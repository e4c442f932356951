#!/bin/bash
# Kills, full disks and the sanitizers' suite, again and again, until the minutes are over or something
# fails: scripts/soak_kill.sh MINUTES
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
export METACHAT_BIN=$build/metachat
end=$((SECONDS + $1 * 60)) round=0

scripts/build_suites.sh "$build" "$build-asan"
while ((SECONDS < end)); do
    round=$((round + 1))
    echo "== round $round, $(((end - SECONDS) / 60)) minutes left"
    KILLS=50 node --test --test-reporter=./tests/lib/reporter.js tests/fault/*.test.js
    METACHAT_BIN=$build-asan/metachat node --test --test-reporter=./tests/lib/reporter.js tests/integration/*.test.js
done
echo "$round rounds without a failure"
