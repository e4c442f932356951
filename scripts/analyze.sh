#!/bin/bash
# The analyzers. Every finding is an error; one that is wrong is excused on its line, with the reason.
# Ends with "N passed, N failed": the files for clang-tidy, and one each for gcc and cppcheck.
#
#   scripts/analyze.sh          all of it: two minutes on two cores (make analyze, make test-long)
#   scripts/analyze.sh quick    clang-tidy without following paths: a quarter of a minute (make test)
#
# clang-tidy has to read how clang would build, so it has a folder that is set up for clang; nothing
# is built in it. gcc -fanalyzer looks while it builds, in a folder of its own.
# shows: TEST-13
set -uo pipefail
cd "$(dirname "$0")/.." || exit
build=${BUILD:-build}-analyze
mode=${1:-whole}
passed=0 failed=0
mapfile -t sources < <(find src tools -name '*.c' ! -name '*_test.c' | sort)

tidy_file() { # folder, checks besides those of .clang-tidy, file
    local output
    if output=$(clang-tidy --quiet -p "$1" --checks="$2" "$3" 2>&1); then
        echo "ok     clang-tidy $3"
    else
        printf 'FAILED clang-tidy %s\n%s\n' "$3" "$output"
    fi
}
export -f tidy_file

tidy() {
    local log=$build-clang/clang-tidy.log checks='' good
    [[ $mode == quick ]] && checks='-clang-analyzer-*'
    CC=clang TARGET=build.ninja scripts/build.sh "$build-clang" || return
    printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'tidy_file "$@"' _ "$build-clang" "$checks" |
        tee "$log"
    good=$(grep -c '^ok ' "$log")
    passed=$((passed + good))
    failed=$((failed + ${#sources[@]} - good))
}

gcc_analyzer() {
    CC=gcc TESTS=false TARGET=build.ninja scripts/build.sh "$build" -Dc_args=-fanalyzer &&
        ninja -C "$build" --quiet -k 0
}

# Cppcheck 2.10 cannot read a compound literal within ?: (internalAstError) and says so of right code.
cpp_check() {
    cppcheck --quiet -j "$(nproc)" --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
        --std=c11 -I src --suppress=missingIncludeSystem --suppress=internalAstError "${sources[@]}"
}

whole() { # name, command
    if "$2"; then
        passed=$((passed + 1))
        echo "ok     $1"
    else
        failed=$((failed + 1))
        echo "FAILED $1"
    fi
}

tidy || failed=$((failed + ${#sources[@]}))
if [[ $mode != quick ]]; then
    whole "gcc -fanalyzer" gcc_analyzer
    whole cppcheck cpp_check
fi
echo "$passed passed, $failed failed"
((failed == 0))
