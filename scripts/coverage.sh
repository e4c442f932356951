#!/bin/bash
# Which lines of src/ the instrumented suites ran (unit-asan, integration-asan, and whatever else ran
# the program of that build since): scripts/coverage.sh BUILD_ASAN
#
# Each process leaves its counts in BUILD_ASAN/coverage when it ends in good order; one that is killed
# leaves none. The program is the measure: a source that is not linked into it is named and fails.
# shows: TEST-2
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
counts=$build/coverage
floor=80 # per cent of lines; the aim is 90

llvm() { # tool, of the same version as the compiler
    local tool=$1
    shift
    "$(clang --print-prog-name="$tool")" "$@"
}

compgen -G "$counts/*.profraw" >/dev/null || { echo "no counts in $counts: run the suites of $build first"; exit 1; }
llvm llvm-profdata merge --sparse -o "$counts/all.profdata" "$counts"/*.profraw
llvm llvm-cov export --summary-only --instr-profile="$counts/all.profdata" "$build/src/main/metachat" |
    node scripts/coverage_table.js "$floor" src
