#!/bin/bash
# The analyzers; every finding is an error. A finding that is wrong is suppressed on its line, with the reason.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
status=0
build=${BUILD:-build}-analyze

scripts/build.sh "$build" -Dc_args=-fanalyzer -Db_lundef=false || status=1
mapfile -t sources < <(find src tools -name '*.c' ! -name '*_test.c' | sort)
printf '%s\0' "${sources[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy --quiet -p "$build" || status=1
cppcheck --quiet --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
    --std=c11 -I src --suppress=missingIncludeSystem "${sources[@]}" || status=1
exit $status
