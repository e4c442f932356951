#!/bin/bash
# The checks of the sources themselves: one line each below; a check fails when its command does.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
build=${BUILD:-build}
passed=0 failed=0

check() { # name, command…
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok     $name"
        [[ $output != note:* ]] || printf '%s\n' "$output"
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        printf '%s\n' "$output" | sed 's/^/    /'
    fi
}

same() { # file that is checked in, command that makes it
    "${@:2}" | diff -u "$1" - || { echo "make it again: ${*:2} >$1"; false; }
}

sources() {
    find src tools tests/fuzz tests/fault tests/peers -name '*.[ch]' | sort
}

# Each fuzz target begins where its seeds lead it, and no seeds are left behind by a target that went.
fuzz_seeds() {
    local target folder count bad=0
    for target in tests/fuzz/*_fuzz.c; do
        folder=tests/fuzz/corpus/$(basename "$target" _fuzz.c)
        count=$(find "$folder" -type f 2>/dev/null | wc -l)
        ((count >= 2)) || { echo "$target: $count seeds in $folder, two are needed"; bad=1; }
    done
    for folder in tests/fuzz/corpus/*; do
        [[ -f tests/fuzz/$(basename "$folder")_fuzz.c ]] || { echo "$folder: no such target"; bad=1; }
    done
    return "$bad"
}

mapfile -t c_files < <(sources)
mapfile -t floor_files < <(find src -name '*.[ch]' | sort)
mapfile -t program_files < <(find src -name '*.[ch]' ! -name '*_test.c' | sort)

check "floors: nobody includes upward"      awk -f tools/floors.awk src/FLOORS "${floor_files[@]}"
check "lint: the house's rules"             awk -f tools/lint.awk "${floor_files[@]}"
# shows: DB-12
check "sql: platform statements are the known" same tests/snap/platform_sql.txt awk -f tools/sql.awk "${floor_files[@]}"
# shows: CONF-9
check "no credential in a tracked file"     node scripts/secrets.js
check "the checkers refuse planted breaches" tests/tools_test.sh
check "format: clang-format changes nothing" clang-format --dry-run --Werror "${c_files[@]}"
check "shell scripts"                       shellcheck scripts/*.sh tests/*.sh web/build.sh .ci/run
check "fuzz: two seeds or more for each target" fuzz_seeds
check "demo: every expected fact is there"  node demo/check.js
# shows: CONF-6
check "metachat.env.example is up to date"  same metachat.env.example "$build/metachat" config example
check "docs/configuration.md is up to date" same docs/configuration.md "$build/metachat" config docs
check "docs/reference.md is up to date"     same docs/reference.md node scripts/reference.mjs "$build/metachat"
# shows: TEST-14
check "docs/requirements.md is up to date"  same docs/requirements.md node scripts/promises.js
check "sizes of functions and files"        node scripts/sizes.js "${program_files[@]}"

echo "$passed passed, $failed failed"
((failed == 0))
