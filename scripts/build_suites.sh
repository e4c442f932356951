#!/bin/bash
# What the suites need besides the sources: the program as it is shipped (gcc), the same with ASan
# and UBSan (clang, so that both compilers see every line) that also counts the lines that run, the same
# with TSan, and the packages of the Node tests.
#   scripts/build_suites.sh BUILD [BUILD_ASAN [BUILD_TSAN]]
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/build.sh "$1"
[[ -z ${2:-} ]] || CC=clang scripts/build.sh "$2" -Dcoverage=true -Db_sanitize=address,undefined -Db_lundef=false
[[ -z ${3:-} ]] || CC=clang scripts/build.sh "$3" -Db_sanitize=thread -Db_lundef=false

if ! cmp -s tests/package-lock.json tests/node_modules/.installed-lock.json; then
    (cd tests && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp tests/package-lock.json tests/node_modules/.installed-lock.json
fi
