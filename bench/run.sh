#!/bin/sh
# Measures; see docs/performance.md. bench/run.sh [NAME…]
#   (start reply turns first_token memory inbound search commit sockets broadcast delta peers; default: all)
# What is measured is printed as the tables of that page, and kept in build-bench/results for bench/plot.js.
set -eu
cd "$(dirname "$0")/.."
export BUILD=build-bench
[ -d "$BUILD" ] || meson setup "$BUILD" --buildtype=release >/dev/null
ninja -C "$BUILD" src/main/metachat bench/model bench/db_commit bench/inbound_bare bench/search_text \
    bench/socket_load tests/peers/conformance >/dev/null
export METACHAT_BIN="$BUILD/src/main/metachat" BENCH_PROGRAMS="$BUILD/bench" BENCH_RESULTS="$BUILD/results"
echo "machine: $(nproc) cores, $(uname -m), $(date -u +%F), load $(cut -d ' ' -f 1 /proc/loadavg)"
for name in "${@:-start reply turns first_token memory inbound search commit sockets broadcast delta peers}"; do
    for one in $name; do
        node "bench/$one.js"
    done
done
node bench/plot.js
