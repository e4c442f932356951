#!/bin/bash
# Load on one running server for some minutes, judged flat or not: scripts/soak.sh MINUTES
# Samples and a picture are left in BUILD/soak. Ends with "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}

scripts/build_suites.sh "$build"
METACHAT_BIN=$build/metachat node tests/soak/run.js "$1" "$build/soak"
