#!/bin/sh
# Measures; see docs/performance.md. bench/run.sh [NAME…]   (start reply turns first_token memory inbound search commit; default: all)
set -eu
cd "$(dirname "$0")/.."
export BUILD=build-bench
[ -d "$BUILD" ] || meson setup "$BUILD" --buildtype=release >/dev/null
ninja -C "$BUILD" src/main/metachat bench/db_commit bench/inbound_bare bench/search_text >/dev/null
export METACHAT_BIN="$BUILD/src/main/metachat" BENCH_PROGRAMS="$BUILD/bench"
echo "machine: $(nproc) cores, $(uname -m), $(date -u +%F)"
for name in "${@:-start reply turns first_token memory inbound search commit}"; do
    for one in $name; do
        case $one in
        search) "$BUILD/bench/search_text" "${CHUNKS:-100000}" ;;
        commit) for threads in 1 8 64; do "$BUILD/bench/db_commit" "$threads" 5 "$(mktemp -d)/commit.db"; done ;;
        *) node "bench/$one.js" ;;
        esac
    done
done
